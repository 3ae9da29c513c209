#pragma once

#include <vector>

#include "model/samplers/prediction.h"
#include "model/samplers/sampler.h"
#include "model/samplers/sampler_settings.h"
#include "model/samplers/sigma_schedule.h"

namespace latentd::model {

// Lu et al., "DPM-Solver++: fast solver for guided sampling of diffusion probabilistic models", the multistep methods
// of order one to three over predictions of the clean latent; reference: DPMSolverMultistepScheduler of diffusers
// 0.42.1 with algorithm_type "dpmsolver++". The order rises from one as predictions come in, and falls again at the
// end.
class Dpmpp2mSampler final : public Sampler {
 public:
  // Throws ModelError when two levels coincide so that the method of the configured order has no solution.
  Dpmpp2mSampler(const SamplerSettings& settings, int steps);

  at::Tensor AddNoise(const at::Tensor& clean, const at::Tensor& noise, int evaluation) const override;

 private:
  Dpmpp2mSampler(const SamplerSettings& settings, int steps, SigmaSchedule schedule);

  Advanced Evaluate(SamplerState& state, const at::Tensor& latent, const at::Tensor& prediction,
                    at::Generator& generator) const override;

  // The order of the step at `evaluation` when `known` earlier predictions are at hand.
  int Order(int evaluation, int known) const;

  // r of the papers: the length of the step before the one at `evaluation`, or of the one `age` before it, as a part of
  // this step's own.
  float Ratio(int evaluation, int age) const { return h_.at(evaluation - age) / h_.at(evaluation); }

  const SamplerSettings settings_;
  std::vector<Mixture> mixtures_;  // before each evaluation, and the last one's target
  std::vector<float> h_;           // of each evaluation: by how much log(signal / noise) rises; infinite to no noise
  std::vector<float> decay_;       // exp(-h) - 1
};

}  // namespace latentd::model
