#include <string>
#include <utility>
#include <vector>

#include "model/errors.h"
#include "model/samplers/ddim.h"
#include "model/samplers/ddpm.h"
#include "model/samplers/deis.h"
#include "model/samplers/dpm2.h"
#include "model/samplers/dpm2_ancestral.h"
#include "model/samplers/dpmpp_multistep.h"
#include "model/samplers/dpmpp_sde.h"
#include "model/samplers/euler.h"
#include "model/samplers/euler_ancestral.h"
#include "model/samplers/heun.h"
#include "model/samplers/lcm.h"
#include "model/samplers/lms.h"
#include "model/samplers/pndm.h"
#include "model/samplers/sampler.h"
#include "model/samplers/sampler_settings.h"
#include "model/samplers/tcd.h"
#include "model/samplers/unipc.h"

namespace latentd::model {
namespace {

bool Has(SamplerKind kind, SigmaSpacing spacing) {
  for (const SigmaSpacing known : SpacingsOf(kind)) {
    if (known == spacing) return true;
  }
  return false;
}

std::vector<std::string> Check(const SamplerConfig& config, const SamplerOptions& options) {
  std::vector<std::string> problems;
  const std::string name(Name(options.kind));
  if (options.steps < 1 || options.steps > config.num_train_timesteps) {
    problems.push_back("steps: " + std::to_string(options.steps) + " is not between 1 and the model's " +
                       std::to_string(config.num_train_timesteps) + " training timesteps");
  }
  if (!Has(options.kind, options.sigmas)) {
    problems.push_back("sigmas: " + name + " has no '" + std::string(Name(options.sigmas)) + "' spacing");
  }
  if (!(options.eta >= 0 && options.eta <= 1)) {
    problems.push_back("eta: " + std::to_string(options.eta) + " is not between 0 and 1");
  } else if (options.eta > 0 && !TakesEta(options.kind)) {
    problems.push_back("eta: only ddim and tcd have it, not " + name);
  }
  if (!(options.strength >= 0 && options.strength <= 1)) {
    problems.push_back("strength: " + std::to_string(options.strength) + " is not between 0 and 1");
  }
  return problems;
}

}  // namespace

std::shared_ptr<const Sampler> MakeSampler(const SamplerConfig& config, const SamplerOptions& options) {
  std::vector<std::string> problems = Check(config, options);
  std::vector<FieldProblem> fields;
  const SamplerSettings settings = ResolveSettings(config, options.kind, options.sigmas, fields);
  for (const FieldProblem& problem : fields) problems.push_back(problem.field + ": " + problem.what);
  if (!problems.empty()) throw ModelError("sampler", std::move(problems));
  const double strength = config.latent_consistency_pipeline ? options.strength : 1;
  switch (options.kind) {
    case SamplerKind::kDdpm:
      return std::make_shared<const DdpmSampler>(settings, options.steps);
    case SamplerKind::kDdim:
      return std::make_shared<const DdimSampler>(settings, options.steps, options.eta);
    case SamplerKind::kPndm:
      return std::make_shared<const PndmSampler>(settings, options.steps);
    case SamplerKind::kEuler:
      return std::make_shared<const EulerSampler>(settings, options.steps);
    case SamplerKind::kEulerAncestral:
      return std::make_shared<const EulerAncestralSampler>(settings, options.steps);
    case SamplerKind::kHeun:
      return std::make_shared<const HeunSampler>(settings, options.steps);
    case SamplerKind::kLms:
      return std::make_shared<const LmsSampler>(settings, options.steps);
    case SamplerKind::kDpm2:
      return std::make_shared<const Dpm2Sampler>(settings, options.steps);
    case SamplerKind::kDpm2Ancestral:
      return std::make_shared<const Dpm2AncestralSampler>(settings, options.steps);
    case SamplerKind::kDpmpp2m:
    case SamplerKind::kDpmpp2mSde:
    case SamplerKind::kDpmpp3mSde:
      return std::make_shared<const DpmppMultistepSampler>(settings, options.steps);
    case SamplerKind::kDpmppSde:
      return std::make_shared<const DpmppSdeSampler>(settings, options.steps);
    case SamplerKind::kUnipc:
      return std::make_shared<const UnipcSampler>(settings, options.steps);
    case SamplerKind::kDeis:
      return std::make_shared<const DeisSampler>(settings, options.steps);
    case SamplerKind::kLcm:
      return std::make_shared<const LcmSampler>(settings, options.steps, strength);
    case SamplerKind::kTcd:
      return std::make_shared<const TcdSampler>(settings, options.steps, strength, options.eta);
  }
  throw ModelError("sampler", {"kind: is not a sampler"});
}

std::vector<SamplerChoice> SamplersFor(const SamplerConfig& config) {
  std::vector<SamplerChoice> choices;
  for (const SamplerKind kind : AllSamplerKinds()) {
    SamplerChoice choice{.kind = kind, .sigmas = {}};
    for (const SigmaSpacing spacing : SpacingsOf(kind)) {
      std::vector<FieldProblem> problems;
      ResolveSettings(config, kind, spacing, problems);
      if (problems.empty()) choice.sigmas.push_back(spacing);
    }
    if (!choice.sigmas.empty()) choices.push_back(std::move(choice));
  }
  return choices;
}

}  // namespace latentd::model
