#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <vector>

#include "model/layers/context.h"
#include "model/layers/lane_tokens.h"
#include "model/layers/linear.h"

namespace latentd::model {

// Multi-head attention from tokens to themselves, or to a context (diffusers' Attention, AttnProcessor2_0).
class AttentionImpl : public torch::nn::Module {
 public:
  struct Shape {
    int64_t channels;  // of the tokens, and of the result
    int64_t heads;
    int64_t context_features;   // of what keys and values are made from
    int64_t head_features = 0;  // of each head; 0: channels / heads, rounded down
    bool projection_bias = false;
  };

  AttentionImpl(const Shape& shape, const at::TensorOptions& options);

  // tokens: [L, T, C]; residual: [L, T, C], added to the result, or undefined -> [L, T, C]. They are the lanes from
  // `first_lane` of the network's forward on.
  at::Tensor forward(const at::Tensor& tokens, const at::Tensor& residual, int64_t first_lane = 0) const;
  at::Tensor forward(const at::Tensor& tokens, const Context& context, const at::Tensor& residual,
                     int64_t first_lane = 0) const;

  // Across the frames of a clip: a token attends to those at its place in every frame. tokens: [L, frames * P, C],
  // frame by frame; residual: likewise, added to the result -> [L, frames * P, C]
  at::Tensor ForwardFrames(const at::Tensor& tokens, int64_t frames, const at::Tensor& residual) const;

  // What lanes look at beside the context, from now on, added in this order before `to_out`: mixed + scale · attention.
  // Null: nothing. Not owned, and it must not change meanwhile. For the thread that runs the forwards (see
  // ImagePromptScope).
  void SetLaneTokens(const std::vector<LaneTokens>* tokens) const { lane_tokens_ = tokens; }

  Linear to_q{nullptr}, to_k{nullptr}, to_v{nullptr};
  Linear to_out{nullptr};  // "to_out.0"

 private:
  // mixed += what the lanes' further tokens give. q, mixed: [L, T, inner]
  void AddLaneTokens(const at::Tensor& q, const at::Tensor& mixed) const;

  const int64_t heads_;
  mutable const std::vector<LaneTokens>* lane_tokens_ = nullptr;
};
TORCH_MODULE(Attention);

}  // namespace latentd::model
