#include "model/samplers/dpmpp_sde.h"

#include <ATen/TensorOperators.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "model/samplers/prediction.h"
#include "model/samplers/reference_math.h"

namespace latentd::model {
namespace {

SigmaSchedule ScheduleOf(const Levels& levels) {
  SigmaSchedule schedule{.timesteps = levels.timesteps, .sigmas = {levels.sigmas.begin(), levels.sigmas.end()}};
  schedule.sigmas.push_back(0);
  CheckLevels(schedule);
  return schedule;
}

// Levels are exp(-t), and the middle of a step is that of t.
std::vector<double> MiddleTimesteps(const std::vector<double>& sigmas, const NoiseSchedule& noise) {
  const std::vector<float> log_sigmas = LogSigmas(noise.sigmas());
  std::vector<double> timesteps;
  for (size_t i = 0; i + 1 < sigmas.size(); ++i) {
    const double t = -std::log(sigmas[i]);
    const double middle = t + (-std::log(sigmas[i + 1]) - t) * 0.5;
    timesteps.push_back(SigmaToTimestep(std::exp(-middle), log_sigmas));
  }
  return timesteps;
}

std::vector<float> MiddleSigmas(const std::vector<double>& sigmas) {
  std::vector<float> middles;
  for (size_t i = 0; i + 1 < sigmas.size(); ++i) {
    const float t = -Log(static_cast<float>(sigmas[i]));
    middles.push_back(Exp(-(t + (-Log(static_cast<float>(sigmas[i + 1])) - t) * 0.5F)));
  }
  return middles;
}

}  // namespace

DpmppSdeSampler::DpmppSdeSampler(const SamplerSettings& settings, int steps)
    : DpmppSdeSampler(settings, steps, NoiseSchedule(settings),
                      MakeLevels(settings, NoiseSchedule(settings), steps, /*float_timesteps=*/false)) {}

DpmppSdeSampler::DpmppSdeSampler(const SamplerSettings& settings, int steps, const NoiseSchedule& noise,
                                 const Levels& levels)
    : TwoStageSampler(settings, steps, ScheduleOf(levels),
                      {.timesteps = MiddleTimesteps(levels.sigmas, noise), .sigmas = MiddleSigmas(levels.sigmas)}) {}

// history: inside a step its latent.
Advanced DpmppSdeSampler::Evaluate(SamplerState& state, const at::Tensor& latent, const at::Tensor& prediction,
                                   at::Generator& generator) const {
  const int i = state.evaluation;
  const bool first = IsFirstStage(i);
  const float start = StepStart(i);
  const float end = StepEnd(i);
  const at::Tensor clean =
      PredictCleanFromSigma(settings().prediction_type, latent, prediction, first ? start : MiddleSigma(i));
  if (IsLastStep(i)) {
    return {.latent = latent + (latent - clean) / start * (end - start), .predicted_clean = clean};
  }

  const float t = -Log(start);
  const float from = Exp(-t);
  const float to = first ? MiddleSigma(i) : Exp(Log(end));
  const float up = std::min(to, Sqrt(to * to * (from * from - to * to) / (from * from)));
  const float down = Sqrt(to * to - up * up);
  const float ancestral_t = -Log(down);
  const at::Tensor begin = first ? latent : std::exchange(state.history, {}).at(0);
  if (first) state.history = {latent};
  const at::Tensor next = Exp(-ancestral_t) / from * begin - Expm1(t - ancestral_t) * clean;
  return {.latent = next + DrawNoise(latent.sizes(), generator, latent.device()) * up, .predicted_clean = clean};
}

}  // namespace latentd::model
