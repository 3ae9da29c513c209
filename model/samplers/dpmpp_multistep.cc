#include "model/samplers/dpmpp_multistep.h"

#include <ATen/TensorOperators.h>

#include <cmath>
#include <string>

#include "model/errors.h"
#include "model/samplers/multistep_schedule.h"
#include "model/samplers/reference_math.h"

namespace latentd::model {
namespace {

SigmaSchedule DpmppSchedule(const SamplerSettings& settings, int steps) {
  // The reference does not round for the cosine schedule.
  return MakeMultistepSchedule(settings, steps,
                               {.round_karras = settings.beta_schedule != BetaSchedule::kSquaredCosine});
}

}  // namespace

DpmppMultistepSampler::DpmppMultistepSampler(const SamplerSettings& settings, int steps)
    : MultistepSampler(settings, steps, DpmppSchedule(settings, steps)) {
  std::vector<float> lengths;
  for (int i = 0; i < evaluations(); ++i) lengths.push_back(Length(i));
  // By tensor operations, which round as the reference's do.
  const at::Tensor h = TableTensor(lengths);
  const at::Tensor k = settings.stochastic ? 2.0 * h : h;
  const at::Tensor gain = 1.0 - (-k).exp();
  const std::vector<float> ks = TableValues(k);
  const std::vector<float> gains = TableValues(gain);
  const std::vector<float> decays = TableValues((-h).exp());
  const std::vector<float> deviations = TableValues(gain.sqrt());
  for (int i = 0; i < evaluations(); ++i) {
    Step step{.k = ks[i], .gain = gains[i], .carry = MixtureAt(i + 1).noise / MixtureAt(i).noise, .noise = 0};
    if (settings.stochastic) {
      step.carry *= decays[i];
      step.noise = MixtureAt(i + 1).noise * deviations[i];
    }
    steps_taken_.push_back(step);
  }
  CheckSolvable();
}

void DpmppMultistepSampler::CheckSolvable() const {
  for (int i = 0; i < evaluations(); ++i) {
    const int order = Order(i, i);
    bool solvable = order == 1 || Length(i) != 0 || (order == 2 && settings().solver_type == SolverType::kMidpoint);
    for (int age = 1; age < order; ++age) solvable = solvable && std::isfinite(1.0F / Ratio(i, age));
    if (!solvable) {
      throw ModelError("sampler", {"steps: " + std::to_string(steps()) +
                                   " steps of this method visit a noise level twice, for which it has no solution"});
    }
    if (!std::isfinite(steps_taken_[i].noise)) {
      throw ModelError("sampler", {"final_sigmas_type: noise rises to the lowest training sigma at the end"});
    }
  }
}

// history: the earlier predictions of the clean latent.
Advanced DpmppMultistepSampler::Evaluate(SamplerState& state, const at::Tensor& latent, const at::Tensor& prediction,
                                         at::Generator& generator) const {
  const int i = state.evaluation;
  const float signal = MixtureAt(i + 1).signal;
  const auto [k, gain, carry, deviation] = steps_taken_.at(i);
  const at::Tensor clean =
      BoundClean(settings(), PredictClean(settings().prediction_type, latent, prediction, MixtureAt(i)));

  std::vector<at::Tensor>& history = state.history;
  const int order = Order(i, static_cast<int>(history.size()));
  at::Tensor next = carry * latent + (signal * gain) * clean;
  if (order == 2) {
    const at::Tensor slope = (1.0F / Ratio(i, 1)) * (clean - history.back());
    next = next +
           (settings().solver_type == SolverType::kMidpoint ? 0.5F * (signal * gain) : signal * (gain / -k + 1.0F)) *
               slope;
  } else if (order == 3) {
    const float r0 = Ratio(i, 1);
    const float r1 = Ratio(i, 2);
    const at::Tensor newer = (1.0F / r0) * (clean - history.at(1));
    const at::Tensor older = (1.0F / r1) * (history.at(1) - history.at(0));
    const at::Tensor slope = newer + (r0 / (r0 + r1)) * (newer - older);
    const at::Tensor curvature = (1.0F / (r0 + r1)) * (newer - older);
    const float half = settings().stochastic ? -0.5F : 0.5F;
    next = next + (signal * (gain / -k + 1.0F)) * slope + (signal * ((gain - k) / (k * k) + half)) * curvature;
  }
  // Drawn before it is known whether any is added: also in the last step, which goes to no noise.
  if (settings().stochastic) next = next + deviation * DrawNoise(latent.sizes(), generator, latent.device());
  Remember(history, clean);
  return {.latent = next, .predicted_clean = clean};
}

}  // namespace latentd::model
