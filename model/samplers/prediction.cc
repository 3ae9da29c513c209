#include "model/samplers/prediction.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/clamp.h>
#include <ATen/ops/quantile.h>

#include "model/samplers/reference_math.h"

namespace latentd::model {

// The order of operations below is diffusers', so that float32 rounds alike.

Mixture MixtureOfAlpha(float alpha) { return {Sqrt(alpha), Sqrt(1.0F - alpha)}; }

at::Tensor PredictClean(PredictionType type, const at::Tensor& latent, const at::Tensor& prediction, Mixture mixture) {
  switch (type) {
    case PredictionType::kEpsilon:
      return (latent - mixture.noise * prediction) / mixture.signal;
    case PredictionType::kV:
      return mixture.signal * latent - mixture.noise * prediction;
    case PredictionType::kSample:
      break;
  }
  return prediction;
}

at::Tensor PredictNoise(PredictionType type, const at::Tensor& latent, const at::Tensor& prediction, Mixture mixture) {
  switch (type) {
    case PredictionType::kSample:
      return (latent - mixture.signal * prediction) / mixture.noise;
    case PredictionType::kV:
      return mixture.signal * prediction + mixture.noise * latent;
    case PredictionType::kEpsilon:
      break;
  }
  return prediction;
}

at::Tensor PredictCleanFromSigma(PredictionType type, const at::Tensor& latent, const at::Tensor& prediction,
                                 float sigma) {
  switch (type) {
    case PredictionType::kEpsilon:
      return latent - sigma * prediction;
    case PredictionType::kV: {
      const float variance = sigma * sigma + 1.0F;
      return prediction * (-sigma / Sqrt(variance)) + latent / variance;
    }
    case PredictionType::kSample:
      break;
  }
  return prediction;
}

at::Tensor BoundClean(const SamplerSettings& settings, const at::Tensor& clean) {
  if (settings.thresholding) {
    const at::Tensor bound = at::clamp(at::quantile(clean.abs().flatten(), settings.dynamic_thresholding_ratio), 1.0,
                                       settings.sample_max_value);
    return at::clamp(clean, -bound, bound) / bound;
  }
  if (settings.clip_sample) return at::clamp(clean, -settings.clip_sample_range, settings.clip_sample_range);
  return clean;
}

}  // namespace latentd::model
