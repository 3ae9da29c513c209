#include "model/unet/motion_transformer.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/stack.h>
#include <ATen/ops/zeros.h>

#include <cmath>
#include <utility>
#include <vector>

#include "model/layers/tokens.h"
#include "model/unet/frame_windows.h"

namespace latentd::model {
namespace {

constexpr double kNormEps = 1e-6;
constexpr double kBlockNormEps = 1e-5;

Attention MakeAttention(const MotionShape& shape, const at::TensorOptions& options) {
  return Attention(
      AttentionImpl::Shape{.channels = shape.channels, .heads = shape.heads, .context_features = shape.channels},
      options);
}

}  // namespace

MotionBlockImpl::MotionBlockImpl(const MotionShape& shape, const at::TensorOptions& options)
    : norm1(register_module("norm1", LayerNorm(shape.channels, kBlockNormEps, options))),
      norm2(register_module("norm2", LayerNorm(shape.channels, kBlockNormEps, options))),
      norm3(register_module("norm3", LayerNorm(shape.channels, kBlockNormEps, options))),
      attn1(register_module("attn1", MakeAttention(shape, options))),
      attn2(register_module("attn2", MakeAttention(shape, options))),
      ff(register_module("ff", FeedForward(shape.channels, options))) {
  pe = register_module("pos_embed", std::make_shared<torch::nn::Module>())
           ->register_buffer("pe", at::empty({1, shape.known_frames, shape.channels}, options));
}

at::Tensor MotionBlockImpl::WithPositions(at::Tensor normed, int64_t frames) const {
  normed.unflatten(1, {frames, -1}).add_(pe.narrow(1, 0, frames).unsqueeze(2));  // [L, F, P, C] + [1, F, 1, C]
  return normed;
}

at::Tensor MotionBlockImpl::Attend(const at::Tensor& tokens, int64_t frames) const {
  at::Tensor x = tokens;  // [L, F * P, C] throughout
  x = attn1->ForwardFrames(WithPositions(norm1->forward(x), frames), frames, x);
  return attn2->ForwardFrames(WithPositions(norm2->forward(x), frames), frames, x);
}

at::Tensor MotionBlockImpl::forward(const at::Tensor& tokens, int64_t frames) const {
  const std::vector<FrameWindow> windows = FrameWindows(frames, pe.size(1));
  at::Tensor x;  // [L, F * P, C]
  if (windows.size() == 1) {
    x = Attend(tokens, frames);
  } else {
    const at::Tensor by_frame = tokens.unflatten(1, {frames, -1});                             // [L, F, P, C]
    const at::Tensor sum = at::zeros(by_frame.sizes(), by_frame.options().dtype(at::kFloat));  // [L, F, P, C]
    const at::Tensor total = at::zeros({frames, 1, 1}, sum.options());
    for (const FrameWindow& window : windows) {
      const at::Tensor seen = by_frame.narrow(1, window.first, window.length).flatten(1, 2).contiguous();
      const at::Tensor mixed = Attend(seen, window.length).unflatten(1, {window.length, -1});  // [L, W, P, C]
      const int64_t taken = window.length - window.first_taken;
      const at::Tensor weights =
          FrameWeights(window.length).narrow(0, window.first_taken, taken).view({taken, 1, 1}).to(sum.device());
      const int64_t place = window.first + window.first_taken;
      sum.narrow(1, place, taken).add_(mixed.narrow(1, window.first_taken, taken) * weights);
      total.narrow(0, place, taken).add_(weights);
    }
    x = (sum / total).to(tokens.scalar_type()).flatten(1, 2);
  }
  return ff->forward(norm3->forward(x), x);
}

MotionTransformerImpl::MotionTransformerImpl(const MotionShape& shape, const at::TensorOptions& options)
    : norm_(register_module("norm", GroupNorm(shape.norm_groups, shape.channels, kNormEps, options))),
      proj_in_(register_module("proj_in", Linear(shape.channels, shape.channels, /*with_bias=*/true, options))),
      proj_out_(register_module("proj_out", Linear(shape.channels, shape.channels, /*with_bias=*/true, options))),
      blocks_(register_module("transformer_blocks", std::make_shared<ModuleVector<MotionBlock>>())) {
  blocks_->Append(MotionBlock(shape, options));
}

at::Tensor MotionTransformerImpl::forward(const at::Tensor& x, int64_t frames) const {
  const int64_t clips = x.size(0) / frames, channels = x.size(1), height = x.size(2), width = x.size(3);
  const at::Tensor input = ToTokens(x).reshape({clips, frames * height * width, channels});  // [L, F * H * W, C]
  // The statistics are those of a whole clip: all its frames, one below the other.
  const at::Tensor normed = norm_->forward(FromTokens(input, frames * height, width));  // [L, C, F * H, W]
  at::Tensor tokens = proj_in_->forward(ToTokens(normed));                              // [L, F * H * W, C]
  for (const MotionBlock& block : *blocks_) tokens = block->forward(tokens, frames);    // [L, F * H * W, C]
  tokens = proj_out_->forward(tokens, input);                                           // [L, F * H * W, C]
  return FromTokens(tokens.view({clips * frames, height * width, channels}), height, width);
}

at::Tensor FramePositions(int64_t frames, int64_t features) {
  const at::Tensor places = at::arange(frames, at::kFloat).unsqueeze(1);  // [F, 1]
  const at::Tensor rates =
      (at::arange(0, features, 2, at::kFloat) * (-std::log(10000.0) / static_cast<double>(features))).exp();
  const at::Tensor angles = places * rates;  // [F, features / 2]
  return at::stack({angles.sin(), angles.cos()}, /*dim=*/2).flatten(1).unsqueeze(0);
}

}  // namespace latentd::model
