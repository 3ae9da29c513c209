#include "model/samplers/sampler_kind.h"

#include <array>
#include <utility>

namespace latentd::model {
namespace {

struct KindNames {
  SamplerKind kind;
  std::string_view name;
  std::string_view diffusers_class;
};

constexpr std::array kKindNames = {
    KindNames{SamplerKind::kDdpm, "ddpm", "DDPMScheduler"},
    KindNames{SamplerKind::kDdim, "ddim", "DDIMScheduler"},
    KindNames{SamplerKind::kPndm, "pndm", "PNDMScheduler"},
    KindNames{SamplerKind::kEuler, "euler", "EulerDiscreteScheduler"},
    KindNames{SamplerKind::kEulerAncestral, "euler_a", "EulerAncestralDiscreteScheduler"},
    KindNames{SamplerKind::kHeun, "heun", "HeunDiscreteScheduler"},
    KindNames{SamplerKind::kLms, "lms", "LMSDiscreteScheduler"},
    KindNames{SamplerKind::kDpm2, "dpm2", "KDPM2DiscreteScheduler"},
    KindNames{SamplerKind::kDpm2Ancestral, "dpm2_a", "KDPM2AncestralDiscreteScheduler"},
    KindNames{SamplerKind::kDpmpp2m, "dpmpp_2m", "DPMSolverMultistepScheduler"},
    KindNames{SamplerKind::kDpmpp2mSde, "dpmpp_2m_sde", "DPMSolverMultistepScheduler"},
    KindNames{SamplerKind::kDpmppSde, "dpmpp_sde", "DPMSolverSDEScheduler"},
    KindNames{SamplerKind::kDpmpp3mSde, "dpmpp_3m_sde", "DPMSolverMultistepScheduler"},
    KindNames{SamplerKind::kUnipc, "unipc", "UniPCMultistepScheduler"},
    KindNames{SamplerKind::kDeis, "deis", "DEISMultistepScheduler"},
    KindNames{SamplerKind::kLcm, "lcm", "LCMScheduler"},
    KindNames{SamplerKind::kTcd, "tcd", "TCDScheduler"},
};

constexpr std::array kSpacingNames = {
    std::pair{SigmaSpacing::kDefault, std::string_view("default")},
    std::pair{SigmaSpacing::kKarras, std::string_view("karras")},
    std::pair{SigmaSpacing::kExponential, std::string_view("exponential")},
    std::pair{SigmaSpacing::kBeta, std::string_view("beta")},
};

}  // namespace

std::string_view Name(SamplerKind kind) {
  for (const KindNames& entry : kKindNames) {
    if (entry.kind == kind) return entry.name;
  }
  return "";
}

std::string_view Name(SigmaSpacing spacing) {
  for (const auto& [value, name] : kSpacingNames) {
    if (value == spacing) return name;
  }
  return "";
}

std::optional<SamplerKind> ParseSamplerKind(std::string_view name) {
  for (const KindNames& entry : kKindNames) {
    if (entry.name == name) return entry.kind;
  }
  return std::nullopt;
}

std::optional<SigmaSpacing> ParseSigmaSpacing(std::string_view name) {
  for (const auto& [value, known] : kSpacingNames) {
    if (known == name) return value;
  }
  return std::nullopt;
}

const std::vector<SamplerKind>& AllSamplerKinds() {
  static const std::vector<SamplerKind> kAll = [] {
    std::vector<SamplerKind> all;
    for (const KindNames& entry : kKindNames) all.push_back(entry.kind);
    return all;
  }();
  return kAll;
}

std::vector<SigmaSpacing> SpacingsOf(SamplerKind kind) {
  switch (kind) {
    case SamplerKind::kDdpm:
    case SamplerKind::kDdim:
    case SamplerKind::kPndm:
    case SamplerKind::kEulerAncestral:
    case SamplerKind::kLcm:
    case SamplerKind::kTcd:
      return {SigmaSpacing::kDefault};
    default:
      break;
  }
  return {SigmaSpacing::kDefault, SigmaSpacing::kKarras, SigmaSpacing::kExponential, SigmaSpacing::kBeta};
}

bool TakesEta(SamplerKind kind) { return kind == SamplerKind::kDdim || kind == SamplerKind::kTcd; }

bool IsConsistencySampler(SamplerKind kind) { return kind == SamplerKind::kLcm || kind == SamplerKind::kTcd; }

std::string_view DiffusersClass(SamplerKind kind) {
  for (const KindNames& entry : kKindNames) {
    if (entry.kind == kind) return entry.diffusers_class;
  }
  return "";
}

}  // namespace latentd::model
