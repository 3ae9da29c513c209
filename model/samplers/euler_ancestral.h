#pragma once

#include "model/samplers/sigma_sampler.h"

namespace latentd::model {

// Euler's method to below the next noise level, and fresh noise up to it; reference: EulerAncestralDiscreteScheduler of
// diffusers 0.42.1. Noise is drawn at every evaluation, also the last, where its weight is zero.
class EulerAncestralSampler final : public SigmaSampler {
 public:
  EulerAncestralSampler(const SamplerSettings& settings, int steps);

 private:
  Advanced Evaluate(SamplerState& state, const at::Tensor& latent, const at::Tensor& prediction,
                    at::Generator& generator) const override;
};

}  // namespace latentd::model
