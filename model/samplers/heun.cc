#include "model/samplers/heun.h"

#include <ATen/TensorOperators.h>

#include <algorithm>
#include <utility>

#include "model/samplers/prediction.h"

namespace latentd::model {
namespace {

// Every level between the first and the last two evaluations: as a step's end and as the next one's start.
SigmaSchedule HeunSchedule(const SamplerSettings& settings, int steps) {
  const SigmaSchedule single = MakeSigmaSchedule(settings, NoiseSchedule(settings), steps);
  SigmaSchedule doubled;
  for (size_t i = 0; i < single.timesteps.size(); ++i) {
    doubled.timesteps.insert(doubled.timesteps.end(), i == 0 ? 1 : 2, single.timesteps[i]);
    doubled.sigmas.insert(doubled.sigmas.end(), i == 0 ? 1 : 2, single.sigmas[i]);
  }
  doubled.sigmas.push_back(single.sigmas.back());
  return doubled;
}

}  // namespace

HeunSampler::HeunSampler(const SamplerSettings& settings, int steps)
    : SigmaSampler(settings, steps, HeunSchedule(settings, steps)) {}

int HeunSampler::StepsDone(int evaluation) const {
  if (evaluation == evaluations()) return steps();
  // Rounding may have added a step of its own.
  return std::min(evaluation / 2, steps() - 1);
}

SamplerState HeunSampler::StartAt(int skipped) const { return {.evaluation = 2 * skipped, .begin = 2 * skipped}; }

// history: inside a step its latent and the derivative there.
Advanced HeunSampler::Evaluate(SamplerState& state, const at::Tensor& latent, const at::Tensor& prediction,
                               at::Generator& /*generator*/) const {
  const float sigma = SigmaAt(state.evaluation);
  const at::Tensor clean =
      BoundClean(settings(), PredictCleanFromSigma(settings().prediction_type, latent, prediction, sigma));
  const at::Tensor derivative = (latent - clean) / sigma;
  if (state.history.empty()) {
    state.history = {latent, derivative};
    return {.latent = latent + derivative * (SigmaAt(state.evaluation + 1) - sigma), .predicted_clean = clean};
  }
  const std::vector<at::Tensor> start = std::exchange(state.history, {});
  const at::Tensor mean = (start.at(1) + derivative) / 2;
  return {.latent = start.at(0) + mean * (sigma - SigmaAt(state.evaluation - 1)), .predicted_clean = clean};
}

}  // namespace latentd::model
