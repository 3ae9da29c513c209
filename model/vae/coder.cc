#include "model/vae/coder.h"

namespace latentd::model {
namespace {

constexpr double kNormEps = 1e-6;

Conv2d MakeConv(int64_t in, int64_t out, const at::TensorOptions& options) {
  return Conv2d(Conv2dImpl::Shape{.in_channels = in, .out_channels = out}, options);
}

GroupNorm MakeNorm(const CoderConfig& config, int64_t channels, const at::TensorOptions& options) {
  return GroupNorm(config.norm_groups, channels, kNormEps, options);
}

}  // namespace

EncoderImpl::EncoderImpl(const CoderConfig& config, int64_t out_channels, const at::TensorOptions& options)
    : conv_in_(register_module("conv_in", MakeConv(config.in_channels, config.channels.front(), options))),
      down_blocks_(register_module("down_blocks", std::make_shared<ModuleVector<EncoderBlock>>())),
      mid_block_(register_module("mid_block", MakeCoderMidBlock(config, options))),
      conv_norm_out_(register_module("conv_norm_out", MakeNorm(config, config.channels.back(), options))),
      conv_out_(register_module("conv_out", MakeConv(config.channels.back(), out_channels, options))) {
  for (size_t i = 0; i < config.channels.size(); ++i) down_blocks_->Append(EncoderBlock(config, i, options));
}

at::Tensor EncoderImpl::forward(const at::Tensor& images) const {
  at::Tensor x = conv_in_->forward(images);                               // [B, C0, H, W]
  for (const EncoderBlock& block : *down_blocks_) x = block->forward(x);  // [B, Ci, H >> i, W >> i]
  x = mid_block_->forward(x);                                             // [B, Cn, h, w]
  // Always SiLU here, whatever act_fn says: so does the reference.
  return conv_out_->forward(conv_norm_out_->forward(x, Activation::kSilu));  // [B, out_channels, h, w]
}

DecoderImpl::DecoderImpl(const CoderConfig& config, const at::TensorOptions& options)
    : conv_in_(register_module("conv_in", MakeConv(config.latent_channels, config.channels.back(), options))),
      mid_block_(register_module("mid_block", MakeCoderMidBlock(config, options))),
      up_blocks_(register_module("up_blocks", std::make_shared<ModuleVector<DecoderBlock>>())),
      conv_norm_out_(register_module("conv_norm_out", MakeNorm(config, config.channels.front(), options))),
      conv_out_(register_module("conv_out", MakeConv(config.channels.front(), config.out_channels, options))) {
  const size_t count = config.channels.size();
  for (size_t i = 0; i < count; ++i) up_blocks_->Append(DecoderBlock(config, count - 1 - i, options));
}

at::Tensor DecoderImpl::forward(const at::Tensor& latents) const {
  at::Tensor x = conv_in_->forward(latents);                                 // [B, Cn, h, w]
  x = mid_block_->forward(x);                                                // [B, Cn, h, w]
  for (const DecoderBlock& block : *up_blocks_) x = block->forward(x);       // [B, Ci, H >> i, W >> i]
  return conv_out_->forward(conv_norm_out_->forward(x, Activation::kSilu));  // [B, out, H, W]
}

}  // namespace latentd::model
