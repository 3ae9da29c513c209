#include "model/samplers/ddim.h"

#include <ATen/TensorOperators.h>

#include "model/samplers/reference_math.h"

namespace latentd::model {
DdimSampler::DdimSampler(const SamplerSettings& settings, int steps, double eta)
    : AlphaSampler(settings, steps, WholeTimesteps(settings, steps)), eta_(static_cast<float>(eta)) {}

Advanced DdimSampler::Evaluate(SamplerState& state, const at::Tensor& latent, const at::Tensor& prediction,
                               at::Generator& generator) const {
  const int64_t timestep = TimestepAt(state.evaluation);
  const float alpha = AlphaAt(timestep);
  // Not always the next timestep of the run: diffusers subtracts the whole quotient, whatever the spacing.
  const float target_alpha = TargetAlphaAt(timestep - settings().num_train_timesteps / steps());

  const at::Tensor clean = BoundClean(settings(), PredictCleanAt(timestep, latent, prediction));
  const at::Tensor noise = PredictNoise(settings().prediction_type, latent, prediction, MixtureOfAlpha(alpha));
  const float variance = (1.0F - target_alpha) / (1.0F - alpha) * (1.0F - alpha / target_alpha);
  const float deviation = eta_ * Sqrt(variance);
  const float direction = Sqrt(1.0F - target_alpha - deviation * deviation);
  at::Tensor next = Sqrt(target_alpha) * clean + direction * noise;
  if (eta_ > 0) next = next + deviation * DrawNoise(latent.sizes(), generator, latent.device());
  return {.latent = next, .predicted_clean = clean};
}

}  // namespace latentd::model
