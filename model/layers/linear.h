#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include "model/layers/adaptable.h"

namespace latentd::model {

// How a checkpoint holds the weight of a linear layer.
enum class WeightLayout {
  kMatrix,     // [out, in]
  kPointwise,  // [out, in, 1, 1]: a 1x1 convolution, which is the same thing over pixels as tokens
};

// y = x Wᵀ + b over the last dimension. The parameters are allocated but not initialised: LoadWeights fills them.
class LinearImpl : public torch::nn::Module, public Adaptable {
 public:
  LinearImpl(int64_t in_features, int64_t out_features, bool with_bias, const at::TensorOptions& options,
             WeightLayout layout = WeightLayout::kMatrix);

  // x: [..., in]; addend: [..., out], added to the result, or undefined -> [..., out]. The first dimension counts
  // lanes, from `first_lane` of the network's forward on; each of its entries is that of `lanes_each` lanes.
  at::Tensor forward(const at::Tensor& x, const at::Tensor& addend = {}, int64_t first_lane = 0,
                     int64_t lanes_each = 1) const;

  // The same over the pixels of a map: a 1x1 convolution. x: [B, in, H, W] -> [B, out, H, W], channels-last
  at::Tensor ForwardMap(const at::Tensor& x) const;

  // value * gelu(gate), the halves of the result (kernels::GatedLinear). x: [L, T, in] -> [L, T, out / 2]
  at::Tensor ForwardGated(const at::Tensor& x, int64_t first_lane = 0) const;

  // The same as forward for one vector a lane (kernels::RowLinear). x: [L, in] -> [L, out]
  at::Tensor ForwardRows(const at::Tensor& x) const;

  const at::Tensor& BaseWeight() const override { return weight; }

  at::Tensor weight;  // [out, in] or [out, in, 1, 1]
  at::Tensor bias;    // [out], or undefined

 private:
  // out += what the deltas of x's lanes give. x: [L, ..., in]; out: [L, ..., out]
  void AddDeltas(const at::Tensor& x, int64_t first_lane, int64_t lanes_each, const at::Tensor& out) const;
};
TORCH_MODULE(Linear);

}  // namespace latentd::model
