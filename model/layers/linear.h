#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

namespace latentd::model {

// How a checkpoint holds the weight of a linear layer.
enum class WeightLayout {
  kMatrix,     // [out, in]
  kPointwise,  // [out, in, 1, 1]: a 1x1 convolution, which is the same thing over pixels as tokens
};

// y = x Wᵀ + b over the last dimension. The parameters are allocated but not initialised: LoadWeights fills them.
class LinearImpl : public torch::nn::Module {
 public:
  LinearImpl(int64_t in_features, int64_t out_features, bool with_bias, const at::TensorOptions& options,
             WeightLayout layout = WeightLayout::kMatrix);

  // x: [..., in]; addend: [..., out], added to the result, or undefined -> [..., out]
  at::Tensor forward(const at::Tensor& x, const at::Tensor& addend = {}) const;

  // The same over the pixels of a map: a 1x1 convolution. x: [B, in, H, W] -> [B, out, H, W], channels-last
  at::Tensor ForwardMap(const at::Tensor& x) const;

  at::Tensor weight;  // [out, in] or [out, in, 1, 1]
  at::Tensor bias;    // [out], or undefined
};
TORCH_MODULE(Linear);

}  // namespace latentd::model
