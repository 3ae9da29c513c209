#pragma once

#include "model/samplers/sigma_sampler.h"

namespace latentd::model {

// Karras et al., "Elucidating the design space of diffusion-based generative models", algorithm 2 without its noise and
// without its second order; reference: EulerDiscreteScheduler of diffusers 0.42.1.
class EulerSampler final : public SigmaSampler {
 public:
  EulerSampler(const SamplerSettings& settings, int steps);

 private:
  Advanced Evaluate(SamplerState& state, const at::Tensor& latent, const at::Tensor& prediction,
                    at::Generator& generator) const override;
};

}  // namespace latentd::model
