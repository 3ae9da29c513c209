#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include "model/kernels/activation.h"

namespace latentd::model {

// Group normalisation over channels, with scale and shift per channel, and what stands around it fused into it.
class GroupNormImpl : public torch::nn::Module {
 public:
  GroupNormImpl(int64_t groups, int64_t channels, double eps, const at::TensorOptions& options);

  // x: [B, C, H, W] -> activation(norm(x + offset)), the same shape. `offset`: [B, C] added to every pixel first (the
  // time embedding of a residual block), or undefined.
  at::Tensor forward(const at::Tensor& x, Activation activation = Activation::kNone,
                     const at::Tensor& offset = {}) const;

  at::Tensor weight;  // [C]
  at::Tensor bias;    // [C]

 private:
  const int64_t groups_;
  const double eps_;
};
TORCH_MODULE(GroupNorm);

}  // namespace latentd::model
