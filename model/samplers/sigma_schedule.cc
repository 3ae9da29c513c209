#include "model/samplers/sigma_schedule.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/linspace.h>

#include <algorithm>
#include <cmath>
#include <iterator>

#include "model/errors.h"
#include "model/samplers/reference_math.h"
#include "model/samplers/sigma_spacing.h"
#include "model/samplers/timestep_spacing.h"

namespace latentd::model {
namespace {

// `count` levels evenly spaced in their logarithm over the whole training range.
std::vector<double> LogLinearSigmas(const std::vector<float>& log_sigmas, int count) {
  const at::Tensor sigmas = at::linspace(log_sigmas.back(), log_sigmas.front(), count, at::kFloat).exp();
  return {sigmas.const_data_ptr<float>(), sigmas.const_data_ptr<float>() + count};
}

void CheckPositive(const std::vector<double>& sigmas) {
  for (const double sigma : sigmas) {
    if (!(sigma > 0 && std::isfinite(sigma))) {
      throw ModelError("sampler", {"beta_schedule: gives a noise level that is not a positive number"});
    }
  }
}

constexpr double kTinySigma = 1e-10;

template <typename T>
T LookUpTimestep(T log_sigma, const std::vector<float>& log_sigmas) {
  if (log_sigmas.size() < 2) return 0;
  // The last entry that is not above, but never the last of the table.
  const auto above = std::upper_bound(log_sigmas.begin(), log_sigmas.end(), log_sigma,
                                      [](T value, float entry) { return value < static_cast<T>(entry); });
  const auto index = std::clamp<ptrdiff_t>(above - log_sigmas.begin() - 1, 0, std::ssize(log_sigmas) - 2);
  const float low = log_sigmas[index];
  const float high = log_sigmas[index + 1];
  const T weight = std::clamp<T>((low - log_sigma) / (low - high), 0, 1);
  return (1 - weight) * static_cast<T>(index) + weight * static_cast<T>(index + 1);
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
  for (const float sigma : sigmas) logs.push_back(NumpyLog(sigma));
  return logs;
}

double SigmaToTimestep(double sigma, const std::vector<float>& log_sigmas) {
  return LookUpTimestep(std::log(std::max(sigma, kTinySigma)), log_sigmas);
}

float SigmaToTimestep(float sigma, const std::vector<float>& log_sigmas) {
  const float bounded = std::max(sigma, static_cast<float>(kTinySigma));
  return LookUpTimestep(NumpyLog(bounded), log_sigmas);
}

float FinalSigma(const SamplerSettings& settings, const NoiseSchedule& noise) {
  return settings.final_sigma_zero ? 0.0F : noise.sigmas().front();
}

void CheckLevels(const SigmaSchedule& schedule) { CheckPositive({schedule.sigmas.begin(), schedule.sigmas.end() - 1}); }

Levels MakeLevels(const SamplerSettings& settings, const NoiseSchedule& noise, int steps, bool float_timesteps) {
  const std::vector<float> log_sigmas = LogSigmas(noise.sigmas());
  Levels levels;
  levels.timesteps = SpacedTimesteps(settings, steps);
  if (float_timesteps) {
    for (double& timestep : levels.timesteps) timestep = static_cast<float>(timestep);
  }
  if (settings.log_linear_interpolation) {
    levels.sigmas = LogLinearSigmas(log_sigmas, steps + 1);
  } else {
    for (const double timestep : levels.timesteps) levels.sigmas.push_back(Interpolate(noise.sigmas(), timestep));
  }
  if (settings.spacing != SigmaSpacing::kDefault) {
    const double low = settings.sigma_min.value_or(levels.sigmas.back());
    const double high = settings.sigma_max.value_or(levels.sigmas.front());
    CheckPositive({low, high});
    levels.sigmas = SpacedSigmas(settings.spacing, low, high, steps);
    levels.timesteps.clear();
    for (const double sigma : levels.sigmas) levels.timesteps.push_back(SigmaToTimestep(sigma, log_sigmas));
  }
  return levels;
}

SigmaSchedule MakeSigmaSchedule(const SamplerSettings& settings, const NoiseSchedule& noise, int steps) {
  const Levels levels = MakeLevels(settings, noise, steps, /*float_timesteps=*/true);
  SigmaSchedule schedule;
  schedule.sigmas.assign(levels.sigmas.begin(), levels.sigmas.end());
  schedule.sigmas.push_back(FinalSigma(settings, noise));
  if (settings.continuous_timesteps) {
    for (size_t i = 0; i + 1 < schedule.sigmas.size(); ++i) {
      schedule.timesteps.push_back(0.25F * Log(schedule.sigmas[i]));
    }
  } else {
    // diffusers keeps the timesteps in float32: that is what the network sees.
    for (const double timestep : levels.timesteps) schedule.timesteps.push_back(static_cast<float>(timestep));
  }
  CheckLevels(schedule);
  return schedule;
}

}  // namespace latentd::model
