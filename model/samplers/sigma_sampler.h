#pragma once

#include <vector>

#include "model/samplers/sampler.h"
#include "model/samplers/sampler_settings.h"
#include "model/samplers/sigma_schedule.h"

namespace latentd::model {

// What euler, euler_a, lms and the two-stage samplers share: latents that keep the clean part's scale, clean + sigma *
// noise, and are scaled down for the network.
class SigmaSampler : public Sampler {
 public:
  double init_noise_sigma() const override { return init_noise_sigma_; }
  at::Tensor ScaleModelInput(const SamplerState& state, const at::Tensor& latent) const override;
  at::Tensor AddNoise(const at::Tensor& clean, const at::Tensor& noise, int evaluation) const override;

 protected:
  SigmaSampler(const SamplerSettings& settings, int steps, SigmaSchedule schedule);

  const SamplerSettings& settings() const { return settings_; }

  // The level before evaluation `index`; at evaluations(), the last one's target.
  float SigmaAt(int index) const { return sigmas_.at(index); }

  // The level of the latent that evaluation `index` gets, by which it is scaled down.
  virtual float InputSigma(int index) const { return SigmaAt(index); }

 private:
  const SamplerSettings settings_;
  const std::vector<float> sigmas_;
  const double init_noise_sigma_;
};

}  // namespace latentd::model
