#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include "model/layers/attention.h"
#include "model/layers/context.h"
#include "model/layers/layer_norm.h"
#include "model/layers/linear.h"
#include "model/unet/feed_forward.h"

namespace latentd::model {

// Self-attention over the tokens and what is to stand in boxes, and a feed-forward behind it, each added to its input
// through a learned gate (Li et al. 2023, arXiv:2301.07093, section 4.2; diffusers' GatedSelfAttentionDense, the
// `fuser` of a transformer block).
class GatedSelfAttentionImpl : public torch::nn::Module {
 public:
  struct Shape {
    int64_t channels;  // of the tokens
    int64_t heads;
    int64_t object_features;
  };

  GatedSelfAttentionImpl(const Shape& shape, const at::TensorOptions& options);

  // tokens: [L, T, C] -> [L, T, C]. Lanes whose group of `context` has objects, [n, N, object_features], look at them;
  // the others pass as they are, so that a lane's bytes do not depend on which of them its neighbours are.
  at::Tensor forward(const at::Tensor& tokens, const Context& context) const;

 private:
  // The same for lanes that all look: tokens [n, T, C], of which the first is `first_lane` of the network's forward.
  at::Tensor Look(const at::Tensor& tokens, const at::Tensor& objects, int64_t first_lane) const;

  Linear linear_;
  Attention attn_;
  FeedForward ff_;
  LayerNorm norm1_, norm2_;
  at::Tensor alpha_attn_, alpha_dense_;  // []: the gates are their hyperbolic tangents
};
TORCH_MODULE(GatedSelfAttention);

}  // namespace latentd::model
