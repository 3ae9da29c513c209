#pragma once

#include <vector>

#include "model/samplers/two_stage_sampler.h"

namespace latentd::model {

// The singlestep method of order two of DPM-Solver++ for the stochastic differential equation, as k-diffusion's
// sample_dpmpp_sde has it: an ancestral step to the middle, and one from the start with the middle's prediction;
// reference: DPMSolverSDEScheduler of diffusers 0.42.1.
//
// Both evaluations of a step draw noise from the row's generator. The reference draws it from a Brownian tree with a
// seed of its own, so that seeds give other pictures there.
class DpmppSdeSampler final : public TwoStageSampler {
 public:
  DpmppSdeSampler(const SamplerSettings& settings, int steps);

 private:
  DpmppSdeSampler(const SamplerSettings& settings, int steps, const NoiseSchedule& noise, const Levels& levels);

  Advanced Evaluate(SamplerState& state, const at::Tensor& latent, const at::Tensor& prediction,
                    at::Generator& generator) const override;
};

}  // namespace latentd::model
