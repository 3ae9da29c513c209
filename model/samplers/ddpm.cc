#include "model/samplers/ddpm.h"

#include <ATen/TensorOperators.h>

#include <algorithm>

#include "model/samplers/reference_math.h"

namespace latentd::model {

DdpmSampler::DdpmSampler(const SamplerSettings& settings, int steps)
    : AlphaSampler(settings, steps, WholeTimesteps(settings, steps)) {}

float DdpmSampler::Deviation(float alpha, float target_alpha) const {
  const float beta = 1.0F - alpha / target_alpha;
  const float small = std::max((1.0F - target_alpha) / (1.0F - alpha) * beta, 1e-20F);
  switch (settings().variance_type) {
    case VarianceType::kFixedLarge:
      return Sqrt(beta);
    case VarianceType::kFixedSmallLog:
      return Exp(0.5F * Log(small));
    case VarianceType::kFixedSmall:
      break;
  }
  return Sqrt(small);
}

Advanced DdpmSampler::Evaluate(SamplerState& state, const at::Tensor& latent, const at::Tensor& prediction,
                               at::Generator& generator) const {
  const int64_t timestep = TimestepAt(state.evaluation);
  const bool last = state.evaluation + 1 == evaluations();
  const int64_t target = last ? -1 : TimestepAt(state.evaluation + 1);
  const float alpha = AlphaAt(timestep);
  const float target_alpha = target < 0 ? 1.0F : AlphaAt(target);
  const float step_alpha = alpha / target_alpha;

  // Equation 7: the posterior's mean between the clean latent and this one.
  const at::Tensor clean = BoundClean(settings(), PredictCleanAt(timestep, latent, prediction));
  const float clean_weight = Sqrt(target_alpha) * (1.0F - step_alpha) / (1.0F - alpha);
  const float latent_weight = Sqrt(step_alpha) * (1.0F - target_alpha) / (1.0F - alpha);
  at::Tensor next = clean_weight * clean + latent_weight * latent;
  if (timestep > 0) {
    next = next + Deviation(alpha, target_alpha) * DrawNoise(latent.sizes(), generator, latent.device());
  }
  return {.latent = next, .predicted_clean = clean};
}

}  // namespace latentd::model
