#include "server/engine/sampler_infos.h"

#include <algorithm>
#include <optional>
#include <string>

#include "model/errors.h"
#include "model/samplers/sampler.h"

namespace latentd::engine {
namespace {

bool TakesSteps(const model::SamplerConfig& config, model::SamplerKind kind, int steps) {
  try {
    model::MakeSampler(config, {.kind = kind, .steps = steps});
    return true;
  } catch (const model::ModelError&) {
    return false;
  }
}

// Some samplers warm up. Empty: the sampler cannot be made for this noise schedule.
std::optional<int> MinSteps(const model::SamplerConfig& config, model::SamplerKind kind) {
  constexpr int kLongestWarmUp = 8;
  for (int steps = 1; steps <= std::min(kLongestWarmUp, config.num_train_timesteps); ++steps) {
    if (TakesSteps(config, kind, steps)) return steps;
  }
  return std::nullopt;
}

// Evenly spaced timesteps with an offset reach beyond the last one of the training when there are too many of them, and
// some samplers cannot visit two that are too near: a few less do. Samplers of distilled models take no more than the
// distillation had, far less. So the search goes down in strides that double, then closes in.
int MaxSteps(const model::SamplerConfig& config, model::SamplerKind kind) {
  const int all = config.num_train_timesteps;
  int taken = all;
  int refused = all + 1;
  for (int stride = 1; taken > 1 && !TakesSteps(config, kind, taken); stride *= 2) {
    refused = taken;
    taken = std::max(1, taken - stride);
  }
  while (taken + 1 < refused) {
    const int middle = taken + (refused - taken) / 2;
    (TakesSteps(config, kind, middle) ? taken : refused) = middle;
  }
  return taken;
}

std::vector<core::SamplerInfo> Describe(const model::SamplerConfig& config) {
  std::vector<core::SamplerInfo> infos;
  for (const model::SamplerChoice& choice : model::SamplersFor(config)) {
    const std::optional<int> min_steps = MinSteps(config, choice.kind);
    if (!min_steps) continue;
    core::SamplerInfo sampler{
        .name = std::string(model::Name(choice.kind)),
        .sigmas = {},
        .min_steps = *min_steps,
        .max_steps = MaxSteps(config, choice.kind),
        .takes_eta = model::TakesEta(choice.kind),
        .shortened_by_strength = config.latent_consistency_pipeline && model::IsConsistencySampler(choice.kind)};
    for (const model::SigmaSpacing spacing : choice.sigmas) sampler.sigmas.emplace_back(model::Name(spacing));
    infos.push_back(std::move(sampler));
  }
  return infos;
}

}  // namespace

std::vector<core::SamplerInfo> SamplerInfos::Of(const model::SamplerConfig& config) {
  core::MutexLock lock(mutex_);
  const auto same = [&](const auto& known) { return known.first == config; };
  const auto found = std::find_if(known_.begin(), known_.end(), same);
  if (found != known_.end()) return found->second;
  return known_.emplace_back(config, Describe(config)).second;
}

}  // namespace latentd::engine
