#pragma once

#include "model/samplers/alpha_sampler.h"

namespace latentd::model {

// Luo et al., "Latent consistency models", algorithm 3: each step predicts the clean latent and noises it again; the
// last one keeps it. Reference: LCMScheduler of diffusers 0.42.1.
class LcmSampler final : public AlphaSampler {
 public:
  // `strength` and what it throws: as ConsistencyTimesteps.
  LcmSampler(const SamplerSettings& settings, int steps, double strength);

  bool shortened() const override { return shortened_; }

 private:
  Advanced Evaluate(SamplerState& state, const at::Tensor& latent, const at::Tensor& prediction,
                    at::Generator& generator) const override;

  const bool shortened_;
};

}  // namespace latentd::model
