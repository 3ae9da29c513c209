#pragma once

#include <array>
#include <vector>

#include "model/samplers/multistep_sampler.h"

namespace latentd::model {

// Zhang and Chen, "Fast sampling of diffusion models with exponential integrator", the multistep methods in log(rho) of
// order one to three over predictions of the noise; reference: DEISMultistepScheduler of diffusers 0.42.1. A run ends
// at the lowest training sigma, or where a spacing of its own ends.
class DeisSampler final : public MultistepSampler {
 public:
  // Throws ModelError when levels coincide, so that the method of the configured order has no solution.
  DeisSampler(const SamplerSettings& settings, int steps);

 private:
  // Of the predictions at a step's start and before, newest first.
  using Weights = std::array<float, 3>;

  Advanced Evaluate(SamplerState& state, const at::Tensor& latent, const at::Tensor& prediction,
                    at::Generator& generator) const override;

  Weights WeightsOf(int evaluation, int order) const;

  std::vector<float> rhos_;  // noise / signal before each evaluation, and the last one's target
  std::vector<float> log_rhos_;
};

}  // namespace latentd::model
