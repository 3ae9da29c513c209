#include "model/samplers/noise_schedule.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/cumprod.h>
#include <ATen/ops/linspace.h>

#include <algorithm>
#include <cmath>
#include <numbers>

#include "model/samplers/reference_math.h"

namespace latentd::model {
namespace {

// The smallest half-precision number above zero.
constexpr float kSmallestAlpha = 0x1p-24F;
constexpr double kMaxBeta = 0.999;

// alpha-bar of Nichol and Dhariwal, "Improved denoising diffusion probabilistic models", at t in [0, 1].
double CosineAlphaBar(double t) { return std::pow(std::cos((t + 0.008) / 1.008 * std::numbers::pi / 2), 2.0); }

at::Tensor CosineBetas(int count) {
  std::vector<float> betas(count);
  for (int i = 0; i < count; ++i) {
    // In double, rounded once at the end: diffusers computes these in Python.
    const double start = static_cast<double>(i) / count;
    const double end = static_cast<double>(i + 1) / count;
    betas[i] = static_cast<float>(std::min(1 - CosineAlphaBar(end) / CosineAlphaBar(start), kMaxBeta));
  }
  return TableTensor(betas);
}

at::Tensor Betas(const SamplerSettings& settings) {
  if (!settings.trained_betas.empty()) {
    return TableTensor({settings.trained_betas.begin(), settings.trained_betas.end()});
  }
  switch (settings.beta_schedule) {
    case BetaSchedule::kScaledLinear:
      return at::linspace(std::pow(settings.beta_start, 0.5), std::pow(settings.beta_end, 0.5),
                          settings.num_train_timesteps, at::kFloat)
          .square();
    case BetaSchedule::kSquaredCosine:
      return CosineBetas(settings.num_train_timesteps);
    case BetaSchedule::kLinear:
      break;
  }
  return at::linspace(settings.beta_start, settings.beta_end, settings.num_train_timesteps, at::kFloat);
}

// Shifts and scales the signal so that none is left at the last timestep and the first one keeps its own.
// Lin et al., "Common diffusion noise schedules and sample steps are flawed", algorithm 1.
at::Tensor RescaleToZeroTerminalSignal(const at::Tensor& betas) {
  at::Tensor signal = at::cumprod(1.0 - betas, 0).sqrt();
  const at::Tensor first = signal[0].clone();
  const at::Tensor last = signal[-1].clone();
  signal = (signal - last) * (first / (first - last));
  const at::Tensor alphas_cumprod = signal.square();
  const at::Tensor ratios = alphas_cumprod.slice(0, 1) / alphas_cumprod.slice(0, 0, -1);
  return 1.0 - at::cat({alphas_cumprod.slice(0, 0, 1), ratios});
}

}  // namespace

NoiseSchedule::NoiseSchedule(const SamplerSettings& settings) {
  at::Tensor betas = Betas(settings);
  if (settings.rescale_betas_zero_snr) betas = RescaleToZeroTerminalSignal(betas);
  at::Tensor alphas = at::cumprod(1.0 - betas, 0);
  alphas_ = TableValues(alphas);
  if (settings.rescale_betas_zero_snr) alphas[-1] = kSmallestAlpha;
  sigmas_ = TableValues(((1.0 - alphas) / alphas).sqrt());
}

}  // namespace latentd::model
