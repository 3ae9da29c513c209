#include "model/samplers/sigma_sampler.h"

#include <ATen/TensorOperators.h>

#include <algorithm>
#include <utility>

#include "model/samplers/reference_math.h"

namespace latentd::model {
namespace {

// The start of a run that leaves out the noisiest timestep ("leading") is scaled as if the clean part were there too.
float InitNoiseSigma(const SamplerSettings& settings, const std::vector<float>& sigmas) {
  const float highest = *std::max_element(sigmas.begin(), sigmas.end());
  if (settings.timestep_spacing != TimestepSpacing::kLeading) return highest;
  return Sqrt(highest * highest + 1.0F);
}

}  // namespace

SigmaSampler::SigmaSampler(const SamplerSettings& settings, int steps, SigmaSchedule schedule)
    : Sampler(steps, std::move(schedule.timesteps), settings.num_train_timesteps),
      settings_(settings),
      sigmas_(std::move(schedule.sigmas)),
      init_noise_sigma_(InitNoiseSigma(settings, sigmas_)) {}

at::Tensor SigmaSampler::ScaleModelInput(const SamplerState& state, const at::Tensor& latent) const {
  const float sigma = InputSigma(state.evaluation);
  return latent / Sqrt(sigma * sigma + 1.0F);
}

at::Tensor SigmaSampler::AddNoise(const at::Tensor& clean, const at::Tensor& noise, int evaluation) const {
  return clean + noise * SigmaAt(evaluation);
}

}  // namespace latentd::model
