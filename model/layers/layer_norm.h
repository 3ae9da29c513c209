#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

namespace latentd::model {

// Layer normalisation over the last dimension, with scale and shift.
class LayerNormImpl : public torch::nn::Module {
 public:
  LayerNormImpl(int64_t features, double eps, const at::TensorOptions& options);

  at::Tensor forward(const at::Tensor& x) const;  // [..., features] -> the same

  at::Tensor weight;  // [features]
  at::Tensor bias;    // [features]

 private:
  const double eps_;
};
TORCH_MODULE(LayerNorm);

}  // namespace latentd::model
