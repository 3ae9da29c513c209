#include "model/samplers/multistep_sampler.h"

#include <ATen/TensorOperators.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "model/samplers/reference_math.h"

namespace latentd::model {
namespace {

// Below this many steps lower_order_final applies.
constexpr int kManySteps = 15;

Mixture MixtureOfSigma(float sigma) {
  const float signal = 1.0F / Sqrt(sigma * sigma + 1.0F);
  return {.signal = signal, .noise = sigma * signal};
}

}  // namespace

MultistepSampler::MultistepSampler(const SamplerSettings& settings, int steps, SigmaSchedule schedule)
    : Sampler(steps, std::move(schedule.timesteps), settings.num_train_timesteps), settings_(settings) {
  std::vector<float> signal;
  std::vector<float> noise;
  for (const float sigma : schedule.sigmas) {
    mixtures_.push_back(MixtureOfSigma(sigma));
    signal.push_back(mixtures_.back().signal);
    noise.push_back(mixtures_.back().noise);
  }
  // By tensor operations, whose logarithm rounds as the reference's does: lengths are small differences.
  lambdas_ = TableValues(TableTensor(signal).log() - TableTensor(noise).log());
}

int MultistepSampler::Order(int evaluation, int known) const {
  const bool few = evaluations() < kManySteps;
  const bool first_order_last =
      settings_.euler_at_final || (settings_.lower_order_final && few) || settings_.final_sigma_zero;
  int order = std::min(settings_.solver_order, known + 1);
  if (evaluation == evaluations() - 1 && first_order_last) order = 1;
  if (evaluation == evaluations() - 2 && settings_.lower_order_final && few) order = std::min(order, 2);
  return order;
}

void MultistepSampler::Remember(std::vector<at::Tensor>& outputs, const at::Tensor& output) const {
  outputs.push_back(output);
  if (std::ssize(outputs) >= settings_.solver_order) outputs.erase(outputs.begin());
}

at::Tensor MultistepSampler::AddNoise(const at::Tensor& clean, const at::Tensor& noise, int evaluation) const {
  const Mixture mixture = MixtureAt(evaluation);
  return mixture.signal * clean + mixture.noise * noise;
}

}  // namespace latentd::model
