#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include "model/layers/linear.h"

namespace latentd::model {

// A gated feed-forward layer, four times as wide inside (diffusers' FeedForward with "geglu").
class FeedForwardImpl : public torch::nn::Module {
 public:
  FeedForwardImpl(int64_t channels, const at::TensorOptions& options);

  // tokens: [L, T, C]; residual: [L, T, C], added to the result, or undefined -> [L, T, C]. They are the lanes from
  // `first_lane` of the network's forward on.
  at::Tensor forward(const at::Tensor& tokens, const at::Tensor& residual, int64_t first_lane = 0) const;

  Linear proj_in{nullptr};   // "net.0.proj": [C] -> [8C], values and gates
  Linear proj_out{nullptr};  // "net.2": [4C] -> [C]
};
TORCH_MODULE(FeedForward);

}  // namespace latentd::model
