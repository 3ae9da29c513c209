#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

namespace latentd::model {

// Group normalisation over channels, with scale and shift per channel, and an optional SiLU fused behind it.
class GroupNormImpl : public torch::nn::Module {
 public:
  GroupNormImpl(int64_t groups, int64_t channels, double eps, const at::TensorOptions& options);

  at::Tensor forward(const at::Tensor& x) const;      // [B, C, H, W] -> the same
  at::Tensor ForwardSilu(const at::Tensor& x) const;  // silu(forward(x))

  at::Tensor weight;  // [C]
  at::Tensor bias;    // [C]

 private:
  const int64_t groups_;
  const double eps_;
};
TORCH_MODULE(GroupNorm);

}  // namespace latentd::model
