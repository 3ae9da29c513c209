#pragma once

#include <vector>

#include "model/samplers/multistep_sampler.h"

namespace latentd::model {

// dpmpp_2m, dpmpp_2m_sde and dpmpp_3m_sde: the multistep methods of order one to three over predictions of the clean
// latent, for the differential equation of diffusion without noise or (`stochastic`) with it. Lu et al., "DPM-Solver++:
// fast solver for guided sampling of diffusion probabilistic models"; reference: DPMSolverMultistepScheduler of
// diffusers 0.42.1 with algorithm_type "dpmsolver++" and "sde-dpmsolver++".
//
// The third order with noise is the reference's, which weighs the second differences by -1/2 where k-diffusion's
// sample_dpmpp_3m_sde has +1/2: same seed, same picture as there.
class DpmppMultistepSampler final : public MultistepSampler {
 public:
  // Throws ModelError when two levels coincide so that the method of the configured order has no solution, or when they
  // rise and noise would have to be taken away.
  DpmppMultistepSampler(const SamplerSettings& settings, int steps);

 private:
  Advanced Evaluate(SamplerState& state, const at::Tensor& latent, const at::Tensor& prediction,
                    at::Generator& generator) const override;

  void CheckSolvable() const;

  // One step; k is its length, twice that with noise.
  struct Step {
    float k;
    float gain;   // 1 - exp(-k): how much of the clean latent is new
    float carry;  // the factor of the latent
    float noise;  // and of the noise that is added
  };
  std::vector<Step> steps_taken_;
};

}  // namespace latentd::model
