#include "model/samplers/sigma_schedule.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/linspace.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "model/errors.h"
#include "model/samplers/reference_math.h"
#include "model/samplers/timestep_spacing.h"

namespace latentd::model {
namespace {

constexpr double kRho = 7.0;

// `count` levels evenly spaced in their logarithm over the whole training range.
std::vector<double> LogLinearSigmas(const std::vector<float>& log_sigmas, int count) {
  const at::Tensor sigmas = at::linspace(log_sigmas.back(), log_sigmas.front(), count, at::kFloat).exp();
  return {sigmas.const_data_ptr<float>(), sigmas.const_data_ptr<float>() + count};
}

}  // namespace

double Interpolate(const std::vector<float>& table, double timestep) {
  if (timestep <= 0) return table.front();
  if (timestep >= static_cast<double>(table.size() - 1)) return table.back();
  const auto below = static_cast<size_t>(timestep);
  const double slope = static_cast<double>(table[below + 1]) - table[below];
  return slope * (timestep - static_cast<double>(below)) + table[below];
}

std::vector<float> LogSigmas(const std::vector<float>& sigmas) {
  std::vector<float> logs;
  logs.reserve(sigmas.size());
  for (const float sigma : sigmas) logs.push_back(static_cast<float>(std::log(static_cast<double>(sigma))));
  return logs;
}

double SigmaToTimestep(double sigma, const std::vector<float>& log_sigmas) {
  if (log_sigmas.size() < 2) return 0;
  const double log_sigma = std::log(std::max(sigma, 1e-10));
  // The last entry that is not above, but never the last of the table.
  const auto above = std::upper_bound(log_sigmas.begin(), log_sigmas.end(), log_sigma,
                                      [](double value, float entry) { return value < static_cast<double>(entry); });
  const auto index = std::clamp<ptrdiff_t>(above - log_sigmas.begin() - 1, 0, std::ssize(log_sigmas) - 2);
  const float low = log_sigmas[index];
  const float high = log_sigmas[index + 1];
  const double weight = std::clamp((low - log_sigma) / (low - high), 0.0, 1.0);
  return (1 - weight) * static_cast<double>(index) + weight * static_cast<double>(index + 1);
}

std::vector<double> KarrasSigmas(double sigma_min, double sigma_max, int count) {
  const double low = std::pow(sigma_min, 1 / kRho);
  const double high = std::pow(sigma_max, 1 / kRho);
  std::vector<double> sigmas = Linspace(0, 1, count);
  for (double& sigma : sigmas) sigma = std::pow(high + sigma * (low - high), kRho);
  return sigmas;
}

float FinalSigma(const SamplerSettings& settings, const NoiseSchedule& noise) {
  return settings.final_sigma_zero ? 0.0F : noise.sigmas().front();
}

void CheckLevels(const SigmaSchedule& schedule) {
  for (size_t i = 0; i + 1 < schedule.sigmas.size(); ++i) {
    if (!(schedule.sigmas[i] > 0 && std::isfinite(schedule.sigmas[i]))) {
      throw ModelError("sampler", {"beta_schedule: gives a noise level that is not a positive number"});
    }
  }
}

SigmaSchedule MakeSigmaSchedule(const SamplerSettings& settings, const NoiseSchedule& noise, int steps) {
  const std::vector<float> log_sigmas = LogSigmas(noise.sigmas());
  SigmaSchedule schedule;
  schedule.timesteps = SpacedTimesteps(settings, steps);
  // diffusers keeps the timesteps in float32: that is what the network sees and what is interpolated at.
  for (double& timestep : schedule.timesteps) timestep = static_cast<float>(timestep);

  std::vector<double> sigmas;
  if (settings.log_linear_interpolation) {
    sigmas = LogLinearSigmas(log_sigmas, steps + 1);
  } else {
    for (const double timestep : schedule.timesteps) sigmas.push_back(Interpolate(noise.sigmas(), timestep));
  }
  if (settings.karras) {
    sigmas =
        KarrasSigmas(settings.sigma_min.value_or(sigmas.back()), settings.sigma_max.value_or(sigmas.front()), steps);
    schedule.timesteps.clear();
    for (const double sigma : sigmas) {
      schedule.timesteps.push_back(static_cast<float>(SigmaToTimestep(sigma, log_sigmas)));
    }
  }
  schedule.sigmas.assign(sigmas.begin(), sigmas.end());
  schedule.sigmas.push_back(FinalSigma(settings, noise));

  if (settings.continuous_timesteps) {
    schedule.timesteps.clear();
    for (size_t i = 0; i + 1 < schedule.sigmas.size(); ++i) {
      schedule.timesteps.push_back(0.25F * Log(schedule.sigmas[i]));
    }
  }
  CheckLevels(schedule);
  return schedule;
}

}  // namespace latentd::model
