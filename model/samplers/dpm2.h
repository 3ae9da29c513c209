#pragma once

#include <vector>

#include "model/samplers/two_stage_sampler.h"

namespace latentd::model {

// What dpm2 and dpm2_a share: a step goes to its middle first, and then all the way along the derivative there.
class MidpointSampler : public TwoStageSampler {
 protected:
  using TwoStageSampler::TwoStageSampler;

  // One evaluation of a step that ends at level `end`.
  Advanced Move(SamplerState& state, const at::Tensor& latent, const at::Tensor& prediction, float end) const;
};

// The midpoint method of Karras et al., "Elucidating the design space of diffusion-based generative models", with the
// middle of a step in the logarithm of its levels (DPM-Solver-2 of Lu et al.); reference: KDPM2DiscreteScheduler of
// diffusers 0.42.1.
class Dpm2Sampler final : public MidpointSampler {
 public:
  Dpm2Sampler(const SamplerSettings& settings, int steps);

 private:
  Dpm2Sampler(const SamplerSettings& settings, int steps, const NoiseSchedule& noise);
  Dpm2Sampler(const SamplerSettings& settings, int steps, const NoiseSchedule& noise, const SigmaSchedule& schedule);

  Advanced Evaluate(SamplerState& state, const at::Tensor& latent, const at::Tensor& prediction,
                    at::Generator& generator) const override;
};

// The steps of dpm2 and dpm2_a. Throws as CheckLevels.
SigmaSchedule Dpm2Schedule(const SamplerSettings& settings, const NoiseSchedule& noise, int steps);

// The timesteps of the levels in the middle of their steps.
std::vector<double> MiddleTimesteps(const std::vector<float>& middles, const NoiseSchedule& noise);

}  // namespace latentd::model
