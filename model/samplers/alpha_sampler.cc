#include "model/samplers/alpha_sampler.h"

#include <ATen/TensorOperators.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <string>
#include <utility>

#include "model/errors.h"
#include "model/samplers/timestep_spacing.h"

namespace latentd::model {

AlphaSampler::AlphaSampler(const SamplerSettings& settings, int steps, std::vector<double> timesteps)
    : Sampler(steps, std::move(timesteps), settings.num_train_timesteps),
      settings_(settings),
      alphas_(NoiseSchedule(settings).alphas()),
      final_alpha_(settings.set_alpha_to_one ? 1.0F : alphas_.front()) {
  const double last = *std::max_element(this->timesteps().begin(), this->timesteps().end());
  if (last >= settings.num_train_timesteps) {
    throw ModelError("sampler", {"steps_offset: " + std::to_string(steps) + " steps with an offset of " +
                                 std::to_string(settings.steps_offset) + " go beyond the " +
                                 std::to_string(settings.num_train_timesteps) + " training timesteps"});
  }
}

float AlphaSampler::AlphaAt(int64_t timestep) const {
  return alphas_.at(timestep < 0 ? timestep + std::ssize(alphas_) : timestep);
}

float AlphaSampler::TargetAlphaAt(int64_t timestep) const { return timestep < 0 ? final_alpha_ : AlphaAt(timestep); }

at::Tensor AlphaSampler::PredictCleanAt(int64_t timestep, const at::Tensor& latent,
                                        const at::Tensor& prediction) const {
  return PredictClean(settings_.prediction_type, latent, prediction, MixtureOfAlpha(AlphaAt(timestep)));
}

at::Tensor AlphaSampler::AddNoise(const at::Tensor& clean, const at::Tensor& noise, int evaluation) const {
  const Mixture mixture = MixtureOfAlpha(AlphaAt(TimestepAt(evaluation)));
  return mixture.signal * clean + mixture.noise * noise;
}

std::vector<double> WholeTimesteps(const SamplerSettings& settings, int steps) {
  std::vector<double> timesteps = SpacedTimesteps(settings, steps);
  for (double& timestep : timesteps) timestep = std::nearbyint(timestep);
  return timesteps;
}

}  // namespace latentd::model
