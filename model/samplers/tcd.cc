#include "model/samplers/tcd.h"

#include <ATen/TensorOperators.h>

#include <cmath>

#include "model/samplers/consistency_schedule.h"
#include "model/samplers/reference_math.h"

namespace latentd::model {

TcdSampler::TcdSampler(const SamplerSettings& settings, int steps, double strength, double gamma)
    : AlphaSampler(settings, steps, ConsistencyTimesteps(settings, steps, strength)),
      shortened_(strength < 1),
      gamma_complement_(static_cast<float>(1 - gamma)),
      adds_noise_(gamma > 0) {}

Advanced TcdSampler::Evaluate(SamplerState& state, const at::Tensor& latent, const at::Tensor& prediction,
                              at::Generator& generator) const {
  const int64_t timestep = TimestepAt(state.evaluation);
  const bool last = state.evaluation + 1 == evaluations();
  const int64_t target = last ? 0 : TimestepAt(state.evaluation + 1);
  const auto below = static_cast<int64_t>(std::floor(gamma_complement_ * static_cast<float>(target)));

  const at::Tensor clean = PredictCleanAt(timestep, latent, prediction);
  const at::Tensor noise =
      PredictNoise(settings().prediction_type, latent, prediction, MixtureOfAlpha(AlphaAt(timestep)));
  const Mixture mixture = MixtureOfAlpha(AlphaAt(below));
  at::Tensor next = mixture.signal * clean + mixture.noise * noise;
  if (adds_noise_ && !last) {
    const Mixture renewed = MixtureOfAlpha(AlphaAt(target) / AlphaAt(below));
    next = renewed.signal * next + renewed.noise * DrawNoise(latent.sizes(), generator, latent.device());
  }
  return {.latent = next, .predicted_clean = clean};
}

}  // namespace latentd::model
