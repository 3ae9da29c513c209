#include "model/pipeline/step_range.h"

#include <algorithm>

#include "model/pipeline/task_inputs.h"

namespace latentd::model {
namespace {

// The first evaluation of a step, of which some samplers take two.
SamplerState StateAfter(const Sampler& sampler, double share) {
  const int done = sampler.EvaluationsIn(share);
  const int in_a_step = sampler.steps() > 1 ? sampler.StartAt(1).evaluation : 1;
  const int first = done - done % in_a_step;
  return {.evaluation = first, .begin = first};
}

}  // namespace

StepRange StepsOf(const Sampler& sampler, double strength, std::optional<double> denoising_start,
                  double denoising_end) {
  StepRange range{.begin = denoising_start ? StateAfter(sampler, *denoising_start) : StateFor(sampler, strength),
                  .end = denoising_end < 1 ? sampler.EvaluationsIn(denoising_end) : sampler.evaluations()};
  range.end = std::max(range.end, range.begin.evaluation);
  return range;
}

}  // namespace latentd::model
