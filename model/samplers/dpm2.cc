#include "model/samplers/dpm2.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/lerp.h>

#include <cmath>
#include <utility>

#include "model/samplers/prediction.h"
#include "model/samplers/reference_math.h"

namespace latentd::model {
namespace {

// The middles of all steps but the last, which has none.
std::vector<float> MiddleSigmas(const SigmaSchedule& schedule) {
  const at::Tensor logs = TableTensor(schedule.sigmas).slice(0, 0, -1).log();
  return TableValues(at::lerp(logs.slice(0, 1), logs.slice(0, 0, -1), 0.5).exp());
}

}  // namespace

SigmaSchedule Dpm2Schedule(const SamplerSettings& settings, const NoiseSchedule& noise, int steps) {
  const Levels levels = MakeLevels(settings, noise, steps, /*float_timesteps=*/true);
  SigmaSchedule schedule{.timesteps = levels.timesteps, .sigmas = {levels.sigmas.begin(), levels.sigmas.end()}};
  schedule.sigmas.push_back(0);
  CheckLevels(schedule);
  if (settings.spacing == SigmaSpacing::kKarras) {
    for (double& timestep : schedule.timesteps) timestep = std::nearbyint(timestep);
  }
  return schedule;
}

std::vector<double> MiddleTimesteps(const std::vector<float>& middles, const NoiseSchedule& noise) {
  const std::vector<float> log_sigmas = LogSigmas(noise.sigmas());
  std::vector<double> timesteps;
  for (const float middle : middles) timesteps.push_back(SigmaToTimestep(middle, log_sigmas));
  return timesteps;
}

// history: inside a step its latent.
Advanced MidpointSampler::Move(SamplerState& state, const at::Tensor& latent, const at::Tensor& prediction,
                               float end) const {
  const int i = state.evaluation;
  const float start = StepStart(i);
  if (IsFirstStage(i)) {
    const at::Tensor clean = PredictCleanFromSigma(settings().prediction_type, latent, prediction, start);
    if (!IsLastStep(i)) state.history = {latent};
    // The last step goes all the way at once.
    const float target = IsLastStep(i) ? end : MiddleSigma(i);
    return {.latent = latent + (latent - clean) / start * (target - start), .predicted_clean = clean};
  }
  const float middle = MiddleSigma(i);
  const at::Tensor clean = PredictCleanFromSigma(settings().prediction_type, latent, prediction, middle);
  const at::Tensor begin = std::exchange(state.history, {}).at(0);
  return {.latent = begin + (latent - clean) / middle * (end - start), .predicted_clean = clean};
}

Dpm2Sampler::Dpm2Sampler(const SamplerSettings& settings, int steps)
    : Dpm2Sampler(settings, steps, NoiseSchedule(settings)) {}

Dpm2Sampler::Dpm2Sampler(const SamplerSettings& settings, int steps, const NoiseSchedule& noise)
    : Dpm2Sampler(settings, steps, noise, Dpm2Schedule(settings, noise, steps)) {}

Dpm2Sampler::Dpm2Sampler(const SamplerSettings& settings, int steps, const NoiseSchedule& noise,
                         const SigmaSchedule& schedule)
    : MidpointSampler(settings, steps, schedule,
                      {.timesteps = MiddleTimesteps(MiddleSigmas(schedule), noise), .sigmas = MiddleSigmas(schedule)}) {
}

Advanced Dpm2Sampler::Evaluate(SamplerState& state, const at::Tensor& latent, const at::Tensor& prediction,
                               at::Generator& /*generator*/) const {
  return Move(state, latent, prediction, StepEnd(state.evaluation));
}

}  // namespace latentd::model
