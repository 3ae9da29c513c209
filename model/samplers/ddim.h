#pragma once

#include "model/samplers/alpha_sampler.h"

namespace latentd::model {

// Song et al., "Denoising diffusion implicit models", equations 12 and 16; reference: DDIMScheduler of diffusers
// 0.42.1.
class DdimSampler final : public AlphaSampler {
 public:
  // `eta` in [0, 1] scales the noise that every step adds: none, up to that of ddpm.
  DdimSampler(const SamplerSettings& settings, int steps, double eta);

 private:
  Advanced Evaluate(SamplerState& state, const at::Tensor& latent, const at::Tensor& prediction,
                    at::Generator& generator) const override;

  const float eta_;
};

}  // namespace latentd::model
