#pragma once

#include "model/samplers/alpha_sampler.h"

namespace latentd::model {

// Zheng et al., "Trajectory consistency distillation", strategic stochastic sampling: each step goes below its end, and
// back to it by new noise. Reference: TCDScheduler of diffusers 0.42.1, which knows but does not use the options that
// bound the predicted clean latent.
class TcdSampler final : public AlphaSampler {
 public:
  // `gamma` in [0, 1]: how far below the end a step goes, as a part of the end's timestep; 0 adds no noise. Where it is
  // not given to them, diffusers' pipelines take 0 and the bare scheduler 0.3. `strength` and what it throws: as
  // ConsistencyTimesteps.
  TcdSampler(const SamplerSettings& settings, int steps, double strength, double gamma);

  bool shortened() const override { return shortened_; }

 private:
  Advanced Evaluate(SamplerState& state, const at::Tensor& latent, const at::Tensor& prediction,
                    at::Generator& generator) const override;

  const bool shortened_;
  const float gamma_complement_;
  const bool adds_noise_;
};

}  // namespace latentd::model
