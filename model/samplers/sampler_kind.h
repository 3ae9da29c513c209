#pragma once

#include <optional>
#include <string_view>
#include <vector>

namespace latentd::model {

enum class SamplerKind {
  kDdpm,
  kDdim,
  kPndm,
  kEuler,
  kEulerAncestral,
  kHeun,
  kLms,
  kDpm2,
  kDpm2Ancestral,
  kDpmpp2m,
  kDpmpp2mSde,
  kDpmppSde,
  kDpmpp3mSde,
  kUnipc,
  kDeis,
  kLcm,
  kTcd,
};

// How the noise levels of a run are spread. kDefault: as the model's file says.
enum class SigmaSpacing { kDefault, kKarras, kExponential, kBeta };

// The names of the API and the command line ("euler_a", "dpmpp_2m"; "default", "karras").
std::string_view Name(SamplerKind kind);
std::string_view Name(SigmaSpacing spacing);
std::optional<SamplerKind> ParseSamplerKind(std::string_view name);
std::optional<SigmaSpacing> ParseSigmaSpacing(std::string_view name);

// What can be asked for, in the order in which it is shown to users.
const std::vector<SamplerKind>& AllSamplerKinds();
std::vector<SigmaSpacing> SpacingsOf(SamplerKind kind);

// Whether SamplerOptions::eta means something to it.
bool TakesEta(SamplerKind kind);

// Whether it visits a part of the steps of a consistency distillation (`original_inference_steps`): lcm, tcd.
bool IsConsistencySampler(SamplerKind kind);

// The class of diffusers 0.42.1 that it reproduces.
std::string_view DiffusersClass(SamplerKind kind);

}  // namespace latentd::model
