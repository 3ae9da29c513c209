#pragma once

#include "model/samplers/two_stage_sampler.h"

namespace latentd::model {

// Karras et al., "Elucidating the design space of diffusion-based generative models", algorithm 1; reference:
// HeunDiscreteScheduler of diffusers 0.42.1. The second evaluation of a step is at its end.
class HeunSampler final : public TwoStageSampler {
 public:
  HeunSampler(const SamplerSettings& settings, int steps);

 private:
  HeunSampler(const SamplerSettings& settings, int steps, const SigmaSchedule& schedule);

  Advanced Evaluate(SamplerState& state, const at::Tensor& latent, const at::Tensor& prediction,
                    at::Generator& generator) const override;
};

}  // namespace latentd::model
