#include "model/samplers/lcm.h"

#include <ATen/TensorOperators.h>

#include "model/samplers/consistency_schedule.h"
#include "model/samplers/reference_math.h"

namespace latentd::model {
namespace {

constexpr float kVarianceOfData = 0.25F;

}  // namespace

LcmSampler::LcmSampler(const SamplerSettings& settings, int steps, double strength)
    : AlphaSampler(settings, steps, ConsistencyTimesteps(settings, steps, strength)), shortened_(strength < 1) {}

Advanced LcmSampler::Evaluate(SamplerState& state, const at::Tensor& latent, const at::Tensor& prediction,
                              at::Generator& generator) const {
  const int64_t timestep = TimestepAt(state.evaluation);
  // The boundary condition of consistency models: at timestep 0 the latent is its own prediction.
  const float scaled = static_cast<float>(timestep) * static_cast<float>(settings().timestep_scaling);
  const float variance = scaled * scaled + kVarianceOfData;
  const at::Tensor predicted = BoundClean(settings(), PredictCleanAt(timestep, latent, prediction));
  const at::Tensor clean = scaled / Sqrt(variance) * predicted + kVarianceOfData / variance * latent;
  if (state.evaluation + 1 == evaluations()) return {.latent = clean, .predicted_clean = clean};

  const Mixture target = MixtureOfAlpha(AlphaAt(TimestepAt(state.evaluation + 1)));
  const at::Tensor noise = DrawNoise(latent.sizes(), generator, latent.device());
  return {.latent = target.signal * clean + target.noise * noise, .predicted_clean = clean};
}

}  // namespace latentd::model
