#pragma once

#include <vector>

#include "model/samplers/sigma_sampler.h"

namespace latentd::model {

// A linear multistep method of order up to four over derivatives: their interpolating polynomial is integrated over the
// step; reference: LMSDiscreteScheduler of diffusers 0.42.1, which integrates numerically where we are exact.
class LmsSampler final : public SigmaSampler {
 public:
  // Throws ModelError when levels coincide, so that there is no such polynomial.
  LmsSampler(const SamplerSettings& settings, int steps);

 private:
  Advanced Evaluate(SamplerState& state, const at::Tensor& latent, const at::Tensor& prediction,
                    at::Generator& generator) const override;

  // Of each evaluation: the weights of its own derivative, the one before it, and so on.
  std::vector<std::vector<float>> weights_;
};

}  // namespace latentd::model
