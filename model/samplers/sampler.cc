#include "model/samplers/sampler.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/randn.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "model/errors.h"

namespace latentd::model {

Sampler::Sampler(int steps, std::vector<double> timesteps, int num_train_timesteps)
    : steps_(steps), timesteps_(std::move(timesteps)), num_train_timesteps_(num_train_timesteps) {
  for (const double timestep : timesteps_) {
    if (!std::isfinite(timestep)) throw ModelError("sampler", {"beta_schedule: gives timesteps that are not numbers"});
  }
}

int Sampler::EvaluationsIn(double share) const {
  // Half to even, as Python rounds.
  const double cutoff = std::nearbyint(num_train_timesteps_ - share * num_train_timesteps_);
  return static_cast<int>(
      std::count_if(timesteps_.begin(), timesteps_.end(), [&](double timestep) { return timestep >= cutoff; }));
}

int Sampler::StepsDone(int evaluation) const {
  return static_cast<int>(static_cast<int64_t>(evaluation) * steps() / evaluations());
}

at::Tensor Sampler::ScaleModelInput(const SamplerState& /*state*/, const at::Tensor& latent) const { return latent; }

Advanced Sampler::Advance(SamplerState& state, const at::Tensor& latent, const at::Tensor& prediction,
                          at::Generator& generator) const {
  const int64_t channels = latent.size(0);
  const bool leave_out = prediction.size(0) == 2 * channels && !TakesVariance();
  Advanced advanced = Evaluate(state, latent, leave_out ? prediction.narrow(0, 0, channels) : prediction, generator);
  ++state.evaluation;
  return advanced;
}

at::Tensor DrawNoise(at::IntArrayRef shape, at::Generator& generator, at::Device device) {
  // A leading batch dimension, as the reference has it, does not change the numbers: they depend on the count alone.
  return at::randn(shape, generator, at::TensorOptions(at::kFloat)).to(device);
}

}  // namespace latentd::model
