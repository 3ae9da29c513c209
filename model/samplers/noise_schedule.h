#pragma once

#include <vector>

#include "model/samplers/sampler_settings.h"

namespace latentd::model {

// The noise that the model was trained with. A noised latent at training timestep t is
//   sqrt(alphas[t]) * clean + sqrt(1 - alphas[t]) * noise.
//
// Everything is float32 and made by the tensor operations that diffusers uses, since its rounding reaches the picture:
// the cumulative product of a thousand factors differs visibly when taken in double.
class NoiseSchedule {
 public:
  explicit NoiseSchedule(const SamplerSettings& settings);

  // Cumulative product of 1 - beta, one entry per training timestep, falling (`alphas_cumprod` in diffusers).
  const std::vector<float>& alphas() const { return alphas_; }

  // sqrt((1 - alpha) / alpha), rising. A model with zero terminal signal would end in infinity: as in diffusers its
  // last alpha counts as 2^-24 here.
  const std::vector<float>& sigmas() const { return sigmas_; }

 private:
  std::vector<float> alphas_;
  std::vector<float> sigmas_;
};

}  // namespace latentd::model
