#pragma once

#include "model/samplers/sigma_sampler.h"

namespace latentd::model {

// Karras et al., "Elucidating the design space of diffusion-based generative models", algorithm 1; reference:
// HeunDiscreteScheduler of diffusers 0.42.1. A step takes two evaluations, at its start and at its end; the last one
// ends at no noise and takes one.
class HeunSampler final : public SigmaSampler {
 public:
  HeunSampler(const SamplerSettings& settings, int steps);

  int StepsDone(int evaluation) const override;
  SamplerState StartAt(int skipped) const override;

 private:
  Advanced Evaluate(SamplerState& state, const at::Tensor& latent, const at::Tensor& prediction,
                    at::Generator& generator) const override;
};

}  // namespace latentd::model
