#include "model/samplers/multistep_schedule.h"

#include <algorithm>
#include <cmath>

#include "model/errors.h"
#include "model/samplers/sigma_spacing.h"
#include "model/samplers/timestep_spacing.h"

namespace latentd::model {
namespace {

// How many training timesteps are not clipped away for having too little signal.
int UsableTimesteps(const SamplerSettings& settings, const NoiseSchedule& noise) {
  const auto clipped = [&](float sigma) { return -std::log(sigma) < settings.lambda_min_clipped; };
  return settings.num_train_timesteps -
         static_cast<int>(std::count_if(noise.sigmas().begin(), noise.sigmas().end(), clipped));
}

std::vector<double> MultistepTimesteps(const SamplerSettings& settings, int usable, int steps) {
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

SigmaSchedule SpacedSchedule(const SamplerSettings& settings, const NoiseSchedule& noise, int steps,
                             const MultistepRules& rules) {
  const std::vector<float> log_sigmas = LogSigmas(noise.sigmas());
  const bool rounded = settings.spacing == SigmaSpacing::kKarras && rules.round_karras;
  SigmaSchedule schedule;
  for (const double sigma : SpacedSigmas(settings.spacing, settings.sigma_min.value_or(noise.sigmas().front()),
                                         settings.sigma_max.value_or(noise.sigmas().back()), steps)) {
    const double timestep = SigmaToTimestep(sigma, log_sigmas);
    schedule.timesteps.push_back(rounded ? std::nearbyint(timestep) : std::trunc(timestep));
    schedule.sigmas.push_back(static_cast<float>(sigma));
  }
  const bool repeat = rules.repeat_last_level && !settings.final_sigma_zero;
  schedule.sigmas.push_back(repeat ? schedule.sigmas.back() : FinalSigma(settings, noise));
  return schedule;
}

}  // namespace

SigmaSchedule MakeMultistepSchedule(const SamplerSettings& settings, int steps, const MultistepRules& rules) {
  const NoiseSchedule noise(settings);
  SigmaSchedule schedule;
  if (settings.spacing == SigmaSpacing::kDefault) {
    const int usable = UsableTimesteps(settings, noise);
    if (usable < 1) throw ModelError("sampler", {"lambda_min_clipped: leaves no timestep"});
    schedule.timesteps = MultistepTimesteps(settings, usable, steps);
    for (const double timestep : schedule.timesteps) {
      schedule.sigmas.push_back(static_cast<float>(Interpolate(noise.sigmas(), timestep)));
    }
    schedule.sigmas.push_back(FinalSigma(settings, noise));
  } else {
    schedule = SpacedSchedule(settings, noise, steps, rules);
  }
  CheckLevels(schedule);
  return schedule;
}

}  // namespace latentd::model
