#include "model/samplers/pndm.h"

#include <ATen/TensorOperators.h>

#include <algorithm>

#include "model/errors.h"
#include "model/samplers/reference_math.h"

namespace latentd::model {
namespace {

constexpr int kRungeKuttaSteps = 3;
constexpr int kRungeKuttaEvaluations = 4 * kRungeKuttaSteps;

// Falling: the step's own timestep, twice its middle, and its end, for each of the first three steps.
std::vector<double> RungeKuttaTimesteps(const std::vector<double>& whole, int half_stride) {
  std::vector<double> timesteps;
  for (int step = 0; step < kRungeKuttaSteps; ++step) {
    const double middle = whole[step + 1] + half_stride;
    timesteps.insert(timesteps.end(), {whole[step], middle, middle, whole[step + 1]});
  }
  return timesteps;
}

std::vector<double> PndmTimesteps(const SamplerSettings& settings, int steps) {
  std::vector<double> timesteps = WholeTimesteps(settings, steps);
  if (settings.skip_prk_steps) {
    // The second timestep is evaluated twice.
    if (timesteps.size() > 1) timesteps.insert(timesteps.begin() + 1, timesteps[1]);
    return timesteps;
  }
  if (steps <= kRungeKuttaSteps) {
    throw ModelError("sampler", {"steps: pndm with Runge-Kutta steps (skip_prk_steps: false) needs at least 4"});
  }
  const std::vector<double> warm_up = RungeKuttaTimesteps(timesteps, settings.num_train_timesteps / steps / 2);
  timesteps.erase(timesteps.begin(), timesteps.begin() + kRungeKuttaSteps);
  timesteps.insert(timesteps.begin(), warm_up.begin(), warm_up.end());
  return timesteps;
}

}  // namespace

PndmSampler::PndmSampler(const SamplerSettings& settings, int steps)
    : AlphaSampler(settings, steps, PndmTimesteps(settings, steps)) {}

int PndmSampler::StepsDone(int evaluation) const {
  if (settings().skip_prk_steps) return std::max(0, evaluation - (evaluations() - steps()));
  if (evaluation < kRungeKuttaEvaluations) return evaluation / 4;
  const int rest = evaluations() - kRungeKuttaEvaluations;
  return kRungeKuttaSteps + (evaluation - kRungeKuttaEvaluations) * (steps() - kRungeKuttaSteps) / rest;
}

// The methods are told apart by evaluations since the row's own start, as diffusers' counter does it: a run that starts
// from a picture warms up as well.
Advanced PndmSampler::Evaluate(SamplerState& state, const at::Tensor& latent, const at::Tensor& prediction,
                               at::Generator& /*generator*/) const {
  const bool runge_kutta = !settings().skip_prk_steps && state.evaluation - state.begin < kRungeKuttaEvaluations;
  const at::Tensor clean = PredictCleanAt(TimestepAt(state.evaluation), latent, prediction);
  return {.latent = runge_kutta ? RungeKutta(state, latent, prediction) : LinearMultistep(state, latent, prediction),
          .predicted_clean = clean};
}

// history: the predictions at the starts of the steps so far; while inside a step also the step's latent and the
// weighted sum of its predictions.
at::Tensor PndmSampler::RungeKutta(SamplerState& state, const at::Tensor& latent, const at::Tensor& prediction) const {
  const int counter = state.evaluation - state.begin;
  const int phase = counter % 4;
  const int64_t timestep = TimestepAt(counter - phase);
  const int64_t target = TimestepAt(state.evaluation) - (phase % 2 == 0 ? stride() / 2 : 0);
  std::vector<at::Tensor>& history = state.history;
  if (phase == 0) {
    history.push_back(prediction);
    history.push_back(latent);
    history.push_back(1.0 / 6 * prediction);
    return Transfer(latent, timestep, target, prediction);
  }
  const at::Tensor start = history.at(history.size() - 2);
  const at::Tensor sum = history.back() + (phase == 3 ? 1.0 / 6 : 1.0 / 3) * prediction;
  if (phase == 3) {
    history.resize(history.size() - 2);
    return Transfer(start, timestep, target, sum);
  }
  history.back() = sum;
  return Transfer(start, timestep, target, prediction);
}

// history: up to the last three predictions, oldest first; before the second evaluation without Runge-Kutta steps also
// the first latent.
at::Tensor PndmSampler::LinearMultistep(SamplerState& state, const at::Tensor& latent,
                                        const at::Tensor& prediction) const {
  const int counter = state.evaluation - state.begin;
  const int64_t timestep = TimestepAt(state.evaluation);
  std::vector<at::Tensor>& history = state.history;
  if (counter == 0) {
    history = {prediction, latent};
    return Transfer(latent, timestep, timestep - stride(), prediction);
  }
  if (counter == 1) {
    // The first step again, along the mean of its two ends.
    const at::Tensor start = history.at(1);
    history.pop_back();
    return Transfer(start, timestep + stride(), timestep, (prediction + history[0]) / 2);
  }
  const at::Tensor& m0 = prediction;
  const auto earlier = [&](size_t age) -> const at::Tensor& { return history.at(history.size() - age); };
  at::Tensor slope;
  switch (history.size()) {
    case 1:
      slope = (3 * m0 - earlier(1)) / 2;
      break;
    case 2:
      slope = (23 * m0 - 16 * earlier(1) + 5 * earlier(2)) / 12;
      break;
    default:
      slope = (1.0 / 24) * (55 * m0 - 59 * earlier(1) + 37 * earlier(2) - 9 * earlier(3));
  }
  history.push_back(prediction);
  if (history.size() > 3) history.erase(history.begin());
  return Transfer(latent, timestep, timestep - stride(), slope);
}

at::Tensor PndmSampler::Transfer(const at::Tensor& latent, int64_t timestep, int64_t target,
                                 const at::Tensor& prediction) const {
  const float alpha = AlphaAt(timestep);
  const float target_alpha = TargetAlphaAt(target);
  const float beta = 1.0F - alpha;
  at::Tensor noise = prediction;
  if (settings().prediction_type == PredictionType::kV) {
    noise = Sqrt(alpha) * prediction + Sqrt(beta) * latent;
  }
  const float denominator = alpha * Sqrt(1.0F - target_alpha) + Sqrt(alpha * beta * target_alpha);
  return Sqrt(target_alpha / alpha) * latent - (target_alpha - alpha) * noise / denominator;
}

}  // namespace latentd::model
