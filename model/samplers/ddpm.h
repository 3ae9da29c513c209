#pragma once

#include "model/samplers/alpha_sampler.h"

namespace latentd::model {

// Ancestral sampling of the training process itself. Ho et al., "Denoising diffusion probabilistic models", algorithm
// 2; reference: DDPMScheduler of diffusers 0.42.1.
class DdpmSampler final : public AlphaSampler {
 public:
  DdpmSampler(const SamplerSettings& settings, int steps);

 private:
  Advanced Evaluate(SamplerState& state, const at::Tensor& latent, const at::Tensor& prediction,
                    at::Generator& generator) const override;

  bool TakesVariance() const override;

  // The noise that a step from `alpha` to `target_alpha` adds, of a fixed variance.
  float FixedDeviation(float alpha, float target_alpha) const;

  // The same where the network says what the variance is; `predicted` [C, h, w].
  at::Tensor LearnedDeviation(float alpha, float target_alpha, const at::Tensor& predicted) const;
};

}  // namespace latentd::model
