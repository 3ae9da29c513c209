#include "model/samplers/ddpm.h"

#include <ATen/TensorOperators.h>

#include <algorithm>

#include "model/samplers/reference_math.h"

namespace latentd::model {
namespace {

// Of a step from `alpha` to `target_alpha`: what the posterior has when nothing is known of the clean latent, and when
// all is.
float LargeVariance(float alpha, float target_alpha) { return 1.0F - alpha / target_alpha; }

float SmallVariance(float alpha, float target_alpha) {
  return std::max((1.0F - target_alpha) / (1.0F - alpha) * LargeVariance(alpha, target_alpha), 1e-20F);
}

}  // namespace

DdpmSampler::DdpmSampler(const SamplerSettings& settings, int steps)
    : AlphaSampler(settings, steps, WholeTimesteps(settings, steps)) {}

bool DdpmSampler::TakesVariance() const {
  const VarianceType type = settings().variance_type;
  return type == VarianceType::kLearned || type == VarianceType::kLearnedRange;
}

float DdpmSampler::FixedDeviation(float alpha, float target_alpha) const {
  const VarianceType type = settings().variance_type;
  if (type == VarianceType::kFixedLarge) return Sqrt(LargeVariance(alpha, target_alpha));
  const float small = SmallVariance(alpha, target_alpha);
  return type == VarianceType::kFixedSmallLog ? Exp(0.5F * Log(small)) : Sqrt(small);
}

at::Tensor DdpmSampler::LearnedDeviation(float alpha, float target_alpha, const at::Tensor& predicted) const {
  if (settings().variance_type == VarianceType::kLearned) return predicted.sqrt();
  const float smallest = Log(SmallVariance(alpha, target_alpha));
  const float largest = Log(LargeVariance(alpha, target_alpha));
  const at::Tensor place = (predicted + 1) / 2;
  return (0.5F * (place * largest + (1 - place) * smallest)).exp();
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
  const int64_t channels = latent.size(0);
  const at::Tensor mean = prediction.narrow(0, 0, channels);
  const at::Tensor clean = BoundClean(settings(), PredictCleanAt(timestep, latent, mean));
  const float clean_weight = Sqrt(target_alpha) * (1.0F - step_alpha) / (1.0F - alpha);
  const float latent_weight = Sqrt(step_alpha) * (1.0F - target_alpha) / (1.0F - alpha);
  at::Tensor next = clean_weight * clean + latent_weight * latent;
  if (timestep > 0) {
    const at::Tensor noise = DrawNoise(latent.sizes(), generator, latent.device());
    if (TakesVariance()) {
      next = next + LearnedDeviation(alpha, target_alpha, prediction.narrow(0, channels, channels)) * noise;
    } else {
      next = next + FixedDeviation(alpha, target_alpha) * noise;
    }
  }
  return {.latent = next, .predicted_clean = clean};
}

}  // namespace latentd::model
