#include "model/unet/timestep_embedding.h"

#include <ATen/ops/zeros.h>

#include <cmath>

#include "model/kernels/elementwise.h"

namespace latentd::model {
namespace {

constexpr double kMaxPeriod = 10000;

}  // namespace

at::Tensor SinusoidalEmbedding(const at::Tensor& timesteps, int64_t features, bool flip_sin_to_cos, double freq_shift) {
  const at::Tensor steps = timesteps.to(at::kCPU, at::kFloat).contiguous();  // [L]
  const int64_t half = features / 2;
  const int64_t sin_at = flip_sin_to_cos ? half : 0;
  const int64_t cos_at = flip_sin_to_cos ? 0 : half;
  at::Tensor result = at::zeros({steps.size(0), features}, at::kFloat);  // an odd last feature stays zero
  // Element by element: ATen's vectorised sine rounds differently at the end of a tensor than inside it.
  for (int64_t i = 0; i < half; ++i) {
    // The reference computes in float32, and for timesteps near 1000 a rounding of the frequency shows.
    const float exponent = static_cast<float>(-std::log(kMaxPeriod)) * static_cast<float>(i);
    const float frequency = std::exp(exponent / static_cast<float>(static_cast<double>(half) - freq_shift));
    for (int64_t lane = 0; lane < steps.size(0); ++lane) {
      const float angle = steps.const_data_ptr<float>()[lane] * frequency;
      float* row = result.mutable_data_ptr<float>() + lane * features;
      row[sin_at + i] = std::sin(angle);
      row[cos_at + i] = std::cos(angle);
    }
  }
  return result;
}

TimestepEmbeddingImpl::TimestepEmbeddingImpl(int64_t in_features, int64_t time_features, Activation activation,
                                             const at::TensorOptions& options, int64_t condition_features)
    : linear_1(register_module("linear_1", Linear(in_features, time_features, /*with_bias=*/true, options))),
      linear_2(register_module("linear_2", Linear(time_features, time_features, /*with_bias=*/true, options))),
      activation_(activation) {
  if (condition_features == 0) return;
  cond_proj = register_module("cond_proj", Linear(condition_features, in_features, /*with_bias=*/false, options));
}

at::Tensor TimestepEmbeddingImpl::forward(const at::Tensor& features, const at::Tensor& condition) const {
  at::Tensor x = features.to(linear_1->weight.device(), linear_1->weight.scalar_type());  // [L, in_features]
  if (condition.defined()) x = x + cond_proj->ForwardRows(condition.to(x.options()));     // [L, in_features]
  x = linear_1->ForwardRows(x);                                                           // [L, time_features]
  x = kernels::Activate(x, activation_);                                                  // [L, time_features]
  return linear_2->ForwardRows(x);                                                        // [L, time_features]
}

}  // namespace latentd::model
