#pragma once

#include <ATen/core/Tensor.h>

#include "model/samplers/sampler_settings.h"

namespace latentd::model {

// How much of each a noised latent holds: signal * clean + noise * unit normal noise.
struct Mixture {
  float signal;
  float noise;
};

// sqrt(alpha) and sqrt(1 - alpha).
Mixture MixtureOfAlpha(float alpha);

// The clean latent that `prediction` of `type` means for a `latent` of this mixture.
at::Tensor PredictClean(PredictionType type, const at::Tensor& latent, const at::Tensor& prediction, Mixture mixture);

// The noise that it means.
at::Tensor PredictNoise(PredictionType type, const at::Tensor& latent, const at::Tensor& prediction, Mixture mixture);

// The clean latent for a latent that is not scaled down as noise grows: clean + sigma * noise.
at::Tensor PredictCleanFromSigma(PredictionType type, const at::Tensor& latent, const at::Tensor& prediction,
                                 float sigma);

// `clean` as the settings bound it: dynamic thresholding (Saharia et al., "Imagen", section 2.3) over all elements of
// the row, clipping, or nothing.
at::Tensor BoundClean(const SamplerSettings& settings, const at::Tensor& clean);

}  // namespace latentd::model
