#include "model/samplers/dpm2_ancestral.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/lerp.h>

#include <cmath>
#include <utility>

#include "model/errors.h"
#include "model/samplers/reference_math.h"

namespace latentd::model {

Dpm2AncestralSampler::Ancestry Dpm2AncestralSampler::AncestryOf(const SigmaSchedule& schedule) {
  const at::Tensor sigmas = TableTensor(schedule.sigmas).slice(0, 0, -1);
  const at::Tensor starts = sigmas.slice(0, 0, -1);
  const at::Tensor ends = sigmas.slice(0, 1);
  const at::Tensor up = (ends.square() * (starts.square() - ends.square()) / starts.square()).sqrt();
  const at::Tensor down = (ends.square() - up.square()).sqrt();
  const at::Tensor middle = at::lerp(starts.log(), down.log(), 0.5).exp();
  Ancestry ancestry{.up = TableValues(up), .down = TableValues(down), .middle = TableValues(middle)};
  for (const float level : ancestry.middle) {
    if (level > 0 && std::isfinite(level)) continue;
    throw ModelError("sampler", {"steps: those of dpm2_a lie too far apart, or rise in noise, so that it has no "
                                 "solution"});
  }
  return ancestry;
}

Dpm2AncestralSampler::Dpm2AncestralSampler(const SamplerSettings& settings, int steps)
    : Dpm2AncestralSampler(settings, steps, NoiseSchedule(settings)) {}

Dpm2AncestralSampler::Dpm2AncestralSampler(const SamplerSettings& settings, int steps, const NoiseSchedule& noise)
    : Dpm2AncestralSampler(settings, steps, noise, Dpm2Schedule(settings, noise, steps),
                           AncestryOf(Dpm2Schedule(settings, noise, steps))) {}

Dpm2AncestralSampler::Dpm2AncestralSampler(const SamplerSettings& settings, int steps, const NoiseSchedule& noise,
                                           const SigmaSchedule& schedule, Ancestry ancestry)
    : MidpointSampler(settings, steps, schedule,
                      {.timesteps = MiddleTimesteps(ancestry.middle, noise), .sigmas = ancestry.middle}),
      ancestry_(std::move(ancestry)) {}

Advanced Dpm2AncestralSampler::Evaluate(SamplerState& state, const at::Tensor& latent, const at::Tensor& prediction,
                                        at::Generator& generator) const {
  const int i = state.evaluation;
  const float end = IsLastStep(i) ? StepEnd(i) : ancestry_.down.at(i / 2);
  Advanced advanced = Move(state, latent, prediction, end);
  if (!IsFirstStage(i)) {
    const at::Tensor noise = DrawNoise(latent.sizes(), generator, latent.device());
    advanced.latent = advanced.latent + noise * ancestry_.up.at(i / 2);
  }
  return advanced;
}

}  // namespace latentd::model
