#include "model/samplers/dpmpp_2m.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/tensor.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <string>
#include <utility>

#include "model/errors.h"
#include "model/samplers/reference_math.h"
#include "model/samplers/timestep_spacing.h"

namespace latentd::model {
namespace {

// Below this many steps lower_order_final applies.
constexpr int kManySteps = 15;

// How many training timesteps are not clipped away for having too little signal.
int UsableTimesteps(const SamplerSettings& settings, const NoiseSchedule& noise) {
  const auto clipped = [&](float sigma) { return -std::log(sigma) < settings.lambda_min_clipped; };
  return settings.num_train_timesteps -
         static_cast<int>(std::count_if(noise.sigmas().begin(), noise.sigmas().end(), clipped));
}

// Unlike the other samplers', a run leaves out the timestep at its end, and "linspace" is rounded.
std::vector<double> DpmTimesteps(const SamplerSettings& settings, int usable, int steps) {
  std::vector<double> timesteps;
  switch (settings.timestep_spacing) {
    case TimestepSpacing::kLinspace:
      timesteps = Linspace(0, usable - 1, steps + 1);
      for (double& timestep : timesteps) timestep = std::nearbyint(timestep);
      std::reverse(timesteps.begin(), timesteps.end());
      timesteps.pop_back();
      break;
    case TimestepSpacing::kLeading:
      for (int i = steps; i > 0; --i) timesteps.push_back(i * (usable / (steps + 1)) + settings.steps_offset);
      break;
    case TimestepSpacing::kTrailing:
      timesteps = ArangeDownToZero(usable, -(static_cast<double>(settings.num_train_timesteps) / steps));
      for (double& timestep : timesteps) timestep = std::nearbyint(timestep) - 1;
      break;
  }
  return timesteps;
}

SigmaSchedule DpmSchedule(const SamplerSettings& settings, int steps) {
  const NoiseSchedule noise(settings);
  const int usable = UsableTimesteps(settings, noise);
  if (usable < 1) throw ModelError("sampler", {"lambda_min_clipped: leaves no timestep"});
  SigmaSchedule schedule;
  if (settings.karras) {
    // Over the whole training range, whatever the timesteps.
    const std::vector<double> sigmas = KarrasSigmas(settings.sigma_min.value_or(noise.sigmas().front()),
                                                    settings.sigma_max.value_or(noise.sigmas().back()), steps);
    const std::vector<float> log_sigmas = LogSigmas(noise.sigmas());
    for (const double sigma : sigmas) {
      const double timestep = SigmaToTimestep(sigma, log_sigmas);
      // The reference rounds, but not for the cosine schedule, and then cuts off what is left.
      const bool rounded = settings.beta_schedule != BetaSchedule::kSquaredCosine;
      schedule.timesteps.push_back(rounded ? std::nearbyint(timestep) : std::trunc(timestep));
    }
    schedule.sigmas.assign(sigmas.begin(), sigmas.end());
  } else {
    schedule.timesteps = DpmTimesteps(settings, usable, steps);
    for (const double timestep : schedule.timesteps) {
      schedule.sigmas.push_back(static_cast<float>(Interpolate(noise.sigmas(), timestep)));
    }
  }
  schedule.sigmas.push_back(FinalSigma(settings, noise));
  CheckLevels(schedule);
  return schedule;
}

Mixture MixtureOfSigma(float sigma) {
  const float signal = 1.0F / Sqrt(sigma * sigma + 1.0F);
  return {.signal = signal, .noise = sigma * signal};
}

std::vector<float> Values(const at::Tensor& tensor) {
  return {tensor.const_data_ptr<float>(), tensor.const_data_ptr<float>() + tensor.numel()};
}

}  // namespace

Dpmpp2mSampler::Dpmpp2mSampler(const SamplerSettings& settings, int steps)
    : Dpmpp2mSampler(settings, steps, DpmSchedule(settings, steps)) {}

Dpmpp2mSampler::Dpmpp2mSampler(const SamplerSettings& settings, int steps, SigmaSchedule schedule)
    : Sampler(steps, std::move(schedule.timesteps)), settings_(settings) {
  std::vector<float> signal;
  std::vector<float> noise;
  for (const float sigma : schedule.sigmas) {
    mixtures_.push_back(MixtureOfSigma(sigma));
    signal.push_back(mixtures_.back().signal);
    noise.push_back(mixtures_.back().noise);
  }
  // By tensor operations, whose logarithm and exponential round as the reference's do: h is a small difference.
  const at::Tensor lambda = at::tensor(signal, at::kFloat).log() - at::tensor(noise, at::kFloat).log();
  const at::Tensor h = lambda.slice(0, 1) - lambda.slice(0, 0, -1);
  h_ = Values(h);
  decay_ = Values((-h).exp() - 1.0);

  for (int i = 1; i < evaluations(); ++i) {
    const int order = Order(i, i);
    bool solvable = order == 1 || h_[i] != 0 || (order == 2 && settings_.solver_type == SolverType::kMidpoint);
    for (int age = 1; age < order; ++age) solvable = solvable && std::isfinite(1.0F / Ratio(i, age));
    if (!solvable) {
      throw ModelError("sampler", {"steps: " + std::to_string(steps) +
                                   " steps of dpmpp_2m visit a noise level twice, for which it has no solution"});
    }
  }
}

int Dpmpp2mSampler::Order(int evaluation, int known) const {
  const bool few = evaluations() < kManySteps;
  const bool first_order_last =
      settings_.euler_at_final || (settings_.lower_order_final && few) || settings_.final_sigma_zero;
  int order = std::min(settings_.solver_order, known + 1);
  if (evaluation == evaluations() - 1 && first_order_last) order = 1;
  if (evaluation == evaluations() - 2 && settings_.lower_order_final && few) order = std::min(order, 2);
  return order;
}

at::Tensor Dpmpp2mSampler::AddNoise(const at::Tensor& clean, const at::Tensor& noise, int evaluation) const {
  const Mixture mixture = mixtures_.at(evaluation);
  return mixture.signal * clean + mixture.noise * noise;
}

// history: the earlier predictions of the clean latent, oldest first, one fewer than the solver's order.
Advanced Dpmpp2mSampler::Evaluate(SamplerState& state, const at::Tensor& latent, const at::Tensor& prediction,
                                  at::Generator& /*generator*/) const {
  const int i = state.evaluation;
  const Mixture source = mixtures_.at(i);
  const Mixture target = mixtures_.at(i + 1);
  const float h = h_.at(i);
  const float decay = decay_.at(i);
  const at::Tensor clean = BoundClean(settings_, PredictClean(settings_.prediction_type, latent, prediction, source));

  std::vector<at::Tensor>& history = state.history;
  const int order = Order(i, static_cast<int>(history.size()));
  at::Tensor next = (target.noise / source.noise) * latent - (target.signal * decay) * clean;
  if (order == 2) {
    const at::Tensor slope = (1.0F / Ratio(i, 1)) * (clean - history.back());
    next = settings_.solver_type == SolverType::kMidpoint ? next - (0.5F * (target.signal * decay)) * slope
                                                          : next + (target.signal * (decay / h + 1.0F)) * slope;
  } else if (order == 3) {
    const float r0 = Ratio(i, 1);
    const float r1 = Ratio(i, 2);
    const at::Tensor newer = (1.0F / r0) * (clean - history.at(1));
    const at::Tensor older = (1.0F / r1) * (history.at(1) - history.at(0));
    const at::Tensor slope = newer + (r0 / (r0 + r1)) * (newer - older);
    const at::Tensor curvature = (1.0F / (r0 + r1)) * (newer - older);
    next = next + (target.signal * (decay / h + 1.0F)) * slope -
           (target.signal * ((decay + h) / (h * h) - 0.5F)) * curvature;
  }
  history.push_back(clean);
  if (std::ssize(history) >= settings_.solver_order) history.erase(history.begin());
  return {.latent = next, .predicted_clean = clean};
}

}  // namespace latentd::model
