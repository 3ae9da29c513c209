#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include "model/layers/attention.h"
#include "model/layers/layer_norm.h"
#include "model/unet/feed_forward.h"
#include "model/unet/gated_self_attention.h"

namespace latentd::model {

// What the transformers of one level have in common.
struct TransformerShape {
  int64_t channels;
  int64_t heads;
  int64_t blocks;
  int64_t context_features;
  int64_t norm_groups;
  bool only_cross_attention = false;
  bool linear_projection;
  bool gated = false;  // with gated self-attention between the two
};

// Self-attention, cross-attention and feed-forward, each behind a layer norm and added to its input (diffusers'
// BasicTransformerBlock).
class TransformerBlockImpl : public torch::nn::Module {
 public:
  TransformerBlockImpl(const TransformerShape& shape, const at::TensorOptions& options);

  at::Tensor forward(const at::Tensor& tokens, const Context& context) const;  // [L, T, C] -> [L, T, C]

  LayerNorm norm1, norm2, norm3;
  Attention attn1, attn2;
  FeedForward ff;
  GatedSelfAttention fuser{nullptr};  // empty unless the shape is gated

 private:
  const bool only_cross_attention_;
};
TORCH_MODULE(TransformerBlock);

}  // namespace latentd::model
