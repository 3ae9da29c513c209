#include "model/samplers/two_stage_sampler.h"

#include <algorithm>
#include <utility>

namespace latentd::model {
namespace {

// Every level between the first and the last two evaluations twice: as a step's end and as the next one's start.
SigmaSchedule Doubled(const SigmaSchedule& single, const std::vector<double>& second_timesteps) {
  SigmaSchedule doubled;
  for (size_t i = 0; i < single.timesteps.size(); ++i) {
    if (i > 0) doubled.timesteps.push_back(second_timesteps.at(i - 1));
    doubled.timesteps.push_back(single.timesteps[i]);
    doubled.sigmas.insert(doubled.sigmas.end(), i == 0 ? 1 : 2, single.sigmas[i]);
  }
  doubled.sigmas.push_back(single.sigmas.back());
  return doubled;
}

}  // namespace

TwoStageSampler::TwoStageSampler(const SamplerSettings& settings, int steps, const SigmaSchedule& schedule,
                                 SecondStages seconds)
    : SigmaSampler(settings, steps, Doubled(schedule, seconds.timesteps)), second_sigmas_(std::move(seconds.sigmas)) {}

int TwoStageSampler::StepsDone(int evaluation) const {
  if (evaluation == evaluations()) return steps();
  // Rounding may have added a step of its own.
  return std::min(evaluation / 2, steps() - 1);
}

SamplerState TwoStageSampler::StartAt(int skipped) const { return {.evaluation = 2 * skipped, .begin = 2 * skipped}; }

float TwoStageSampler::InputSigma(int evaluation) const {
  return IsFirstStage(evaluation) ? SigmaAt(evaluation) : MiddleSigma(evaluation);
}

}  // namespace latentd::model
