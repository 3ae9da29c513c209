#pragma once

#include <vector>

#include "model/samplers/sigma_sampler.h"

namespace latentd::model {

// What heun, dpm2, dpm2_a and dpmpp_sde share: a step takes two evaluations, the second at a level of its own; the last
// step ends at no noise and takes one.
//
// Inside a step AddNoise gives the level of the step's end, also where the second evaluation is at its middle:
// diffusers' inpainting does so.
class TwoStageSampler : public SigmaSampler {
 public:
  int StepsDone(int evaluation) const override;
  SamplerState StartAt(int skipped) const override;

 protected:
  // The second evaluations of every step but the last.
  struct SecondStages {
    std::vector<double> timesteps;
    std::vector<float> sigmas;
  };

  // `schedule` has one timestep per step, and one level more.
  TwoStageSampler(const SamplerSettings& settings, int steps, const SigmaSchedule& schedule, SecondStages seconds);

  static bool IsFirstStage(int evaluation) { return evaluation % 2 == 0; }

  // The levels at the start and the end of the step that `evaluation` belongs to.
  float StepStart(int evaluation) const { return SigmaAt(evaluation - evaluation % 2); }
  float StepEnd(int evaluation) const { return SigmaAt(evaluation - evaluation % 2 + 1); }

  // The level of the second evaluation of that step. REQUIRES: it is not the last step.
  float MiddleSigma(int evaluation) const { return second_sigmas_.at(evaluation / 2); }

  bool IsLastStep(int evaluation) const { return evaluation + 1 == evaluations(); }

 private:
  float InputSigma(int evaluation) const override;

  const std::vector<float> second_sigmas_;
};

}  // namespace latentd::model
