#pragma once

#include <cstdint>
#include <vector>

#include "model/samplers/noise_schedule.h"
#include "model/samplers/prediction.h"
#include "model/samplers/sampler.h"
#include "model/samplers/sampler_settings.h"

namespace latentd::model {

// What ddpm, ddim, pndm, lcm and tcd share: whole timesteps, and latents that are a mixture given by alphas_cumprod.
class AlphaSampler : public Sampler {
 public:
  at::Tensor AddNoise(const at::Tensor& clean, const at::Tensor& noise, int evaluation) const override;

 protected:
  // Throws ModelError when a timestep lies beyond the training timesteps (steps_offset).
  AlphaSampler(const SamplerSettings& settings, int steps, std::vector<double> timesteps);

  const SamplerSettings& settings() const { return settings_; }

  int64_t TimestepAt(int evaluation) const { return static_cast<int64_t>(timesteps().at(evaluation)); }

  // alphas_cumprod at a training timestep. -1 is the last one: diffusers reads its table with Python's negative index
  // when the "trailing" spacing rounds to a timestep too many.
  float AlphaAt(int64_t timestep) const;

  // The same for a step's target: the final alpha below timestep 0.
  float TargetAlphaAt(int64_t timestep) const;

  at::Tensor PredictCleanAt(int64_t timestep, const at::Tensor& latent, const at::Tensor& prediction) const;

 private:
  const SamplerSettings settings_;
  const std::vector<float> alphas_;
  const float final_alpha_;
};

// The timesteps of `settings` rounded to whole numbers.
std::vector<double> WholeTimesteps(const SamplerSettings& settings, int steps);

}  // namespace latentd::model
