#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <memory>

#include "model/layers/attention.h"
#include "model/layers/group_norm.h"
#include "model/layers/layer_norm.h"
#include "model/layers/module_vector.h"
#include "model/unet/feed_forward.h"

namespace latentd::model {

// Of one motion module.
struct MotionShape {
  int64_t channels;
  int64_t heads;
  int64_t norm_groups;
  int64_t known_frames;  // that it has positions for
};

// Two self-attentions across the frames and a feed-forward, each behind a layer norm and added to its input; both
// attentions are told where in the clip a frame stands (diffusers' BasicTransformerBlock with double_self_attention and
// sinusoidal positions, and FreeNoiseTransformerBlock for clips longer than known_frames).
class MotionBlockImpl : public torch::nn::Module {
 public:
  MotionBlockImpl(const MotionShape& shape, const at::TensorOptions& options);

  // tokens: [L, frames * P, C], frame by frame -> the same
  at::Tensor forward(const at::Tensor& tokens, int64_t frames) const;

  LayerNorm norm1, norm2, norm3;
  Attention attn1, attn2;
  FeedForward ff;
  at::Tensor pe;  // "pos_embed.pe", [1, known_frames, C]

 private:
  // Both attentions. REQUIRES: frames <= known_frames.
  at::Tensor Attend(const at::Tensor& tokens, int64_t frames) const;
  at::Tensor WithPositions(at::Tensor normed, int64_t frames) const;
};
TORCH_MODULE(MotionBlock);

// What AnimateDiff puts behind a layer of the U-Net: a transformer that mixes the frames of a clip, place by place, and
// is added to it (Guo et al. 2023, arXiv:2307.04725; diffusers' AnimateDiffTransformer3D with one block).
class MotionTransformerImpl : public torch::nn::Module {
 public:
  MotionTransformerImpl(const MotionShape& shape, const at::TensorOptions& options);

  // x: [L * frames, C, H, W], L clips one after the other -> the same. A clip's bytes do not depend on the others.
  at::Tensor forward(const at::Tensor& x, int64_t frames) const;

 private:
  GroupNorm norm_;
  Linear proj_in_, proj_out_;
  std::shared_ptr<ModuleVector<MotionBlock>> blocks_;
};
TORCH_MODULE(MotionTransformer);

// The sinusoids that tell where in a clip a frame stands, as diffusers' SinusoidalPositionalEmbedding has them:
// sines and cosines in turn. float32 [1, frames, features]
at::Tensor FramePositions(int64_t frames, int64_t features);

}  // namespace latentd::model
