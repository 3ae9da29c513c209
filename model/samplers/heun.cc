#include "model/samplers/heun.h"

#include <ATen/TensorOperators.h>

#include <utility>

#include "model/samplers/prediction.h"

namespace latentd::model {

HeunSampler::HeunSampler(const SamplerSettings& settings, int steps)
    : HeunSampler(settings, steps, MakeSigmaSchedule(settings, NoiseSchedule(settings), steps)) {}

HeunSampler::HeunSampler(const SamplerSettings& settings, int steps, const SigmaSchedule& schedule)
    : TwoStageSampler(settings, steps, schedule,
                      {.timesteps = {schedule.timesteps.begin() + 1, schedule.timesteps.end()},
                       .sigmas = {schedule.sigmas.begin() + 1, schedule.sigmas.end() - 1}}) {}

// history: inside a step its latent and the derivative there.
Advanced HeunSampler::Evaluate(SamplerState& state, const at::Tensor& latent, const at::Tensor& prediction,
                               at::Generator& /*generator*/) const {
  const int i = state.evaluation;
  const float sigma = SigmaAt(i);
  const at::Tensor clean =
      BoundClean(settings(), PredictCleanFromSigma(settings().prediction_type, latent, prediction, sigma));
  const at::Tensor derivative = (latent - clean) / sigma;
  const float length = StepEnd(i) - StepStart(i);
  if (IsFirstStage(i)) {
    state.history = {latent, derivative};
    return {.latent = latent + derivative * length, .predicted_clean = clean};
  }
  const std::vector<at::Tensor> start = std::exchange(state.history, {});
  const at::Tensor mean = (start.at(1) + derivative) / 2;
  return {.latent = start.at(0) + mean * length, .predicted_clean = clean};
}

}  // namespace latentd::model
