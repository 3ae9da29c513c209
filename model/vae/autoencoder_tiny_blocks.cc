#include "model/vae/autoencoder_tiny_blocks.h"

#include <ATen/ops/tanh.h>

#include <memory>
#include <string>

#include "model/kernels/elementwise.h"

namespace latentd::model {
namespace {

Conv2dImpl::Shape ConvShape(int64_t in, int64_t out, bool with_bias = true, int64_t stride = 1) {
  return {.in_channels = in, .out_channels = out, .stride = stride, .with_bias = with_bias};
}

// Registers the blocks of a stage in `list` from number `next` on, which it moves behind them.
std::vector<TinyBlock> MakeBlocks(torch::nn::Module& list, int64_t count, int64_t channels, Activation activation,
                                  const at::TensorOptions& options, int64_t& next) {
  std::vector<TinyBlock> blocks;
  for (int64_t i = 0; i < count; ++i) {
    blocks.push_back(list.register_module(std::to_string(next++), TinyBlock(channels, activation, options)));
  }
  return blocks;
}

}  // namespace

TinyBlockImpl::TinyBlockImpl(int64_t channels, Activation activation, const at::TensorOptions& options)
    : activation_(activation) {
  const auto list = register_module("conv", std::make_shared<torch::nn::Module>());
  first_ = list->register_module("0", Conv2d(ConvShape(channels, channels), options));
  second_ = list->register_module("2", Conv2d(ConvShape(channels, channels), options));
  third_ = list->register_module("4", Conv2d(ConvShape(channels, channels), options));
}

at::Tensor TinyBlockImpl::forward(const at::Tensor& x) const {
  at::Tensor h = kernels::Activate(first_->forward(x), activation_);  // [B, C, H, W] throughout
  h = kernels::Activate(second_->forward(h), activation_);
  // Always ReLU here, whatever act_fn says: so does the reference.
  return kernels::Activate(third_->forward(h, /*addend=*/x), Activation::kRelu);
}

at::Tensor TinyStage::RunBlocks(const at::Tensor& x) const {
  at::Tensor h = x;
  for (const TinyBlock& block : blocks) h = block->forward(h);
  return h;
}

TinyEncoderImpl::TinyEncoderImpl(const AutoencoderTinyConfig& config, const at::TensorOptions& options) {
  const auto list = register_module("layers", std::make_shared<torch::nn::Module>());
  const int64_t channels = config.encoder_channels;
  int64_t next = 0;
  for (const int64_t count : config.encoder_blocks) {
    TinyStage stage;
    const Conv2dImpl::Shape shape = stages_.empty() ? ConvShape(config.in_channels, channels)
                                                    : ConvShape(channels, channels, /*with_bias=*/false, /*stride=*/2);
    stage.conv = list->register_module(std::to_string(next++), Conv2d(shape, options));
    stage.blocks = MakeBlocks(*list, count, channels, config.activation, options, next);
    stages_.push_back(stage);
  }
  conv_out_ = list->register_module(std::to_string(next), Conv2d(ConvShape(channels, config.latent_channels), options));
}

at::Tensor TinyEncoderImpl::forward(const at::Tensor& images) const {
  at::Tensor x = (images + 1) / 2;                                                     // [B, in, H, W], within [0, 1]
  for (const TinyStage& stage : stages_) x = stage.RunBlocks(stage.conv->forward(x));  // [B, C, H >> i, W >> i]
  return conv_out_->forward(x);                                                        // [B, latent, h, w]
}

TinyDecoderImpl::TinyDecoderImpl(const AutoencoderTinyConfig& config, const at::TensorOptions& options)
    : activation_(config.activation), factor_(config.upsampling_factor) {
  const auto list = register_module("layers", std::make_shared<torch::nn::Module>());
  const int64_t channels = config.decoder_channels;
  conv_in_ = list->register_module("0", Conv2d(ConvShape(config.latent_channels, channels), options));
  int64_t next = 2;  // "1" is the activation
  for (size_t i = 0; i < config.decoder_blocks.size(); ++i) {
    const bool last = i + 1 == config.decoder_blocks.size();
    TinyStage stage;
    stage.blocks = MakeBlocks(*list, config.decoder_blocks[i], channels, config.activation, options, next);
    if (!last) ++next;  // the enlargement
    const int64_t out = last ? config.out_channels : channels;
    stage.conv = list->register_module(std::to_string(next++), Conv2d(ConvShape(channels, out, last), options));
    stages_.push_back(stage);
  }
}

at::Tensor TinyDecoderImpl::forward(const at::Tensor& latents) const {
  // Softly clamped. In float64, since ATen's vectorised float32 tanh differs by a bit between the body of a tensor and
  // its tail, and an element's place depends on the batch.
  at::Tensor x = (at::tanh(latents.to(at::kDouble) / 3) * 3).to(latents.scalar_type());  // [B, latent, h, w]
  x = kernels::Activate(conv_in_->forward(x), activation_);                              // [B, C, h, w]
  for (size_t i = 0; i < stages_.size(); ++i) {
    x = stages_[i].RunBlocks(x);
    x = i + 1 == stages_.size() ? stages_[i].conv->forward(x)
                                : stages_[i].conv->ForwardEnlarged(x, factor_ * x.size(2), factor_ * x.size(3));
  }
  return x * 2 - 1;  // [B, out, H, W]
}

}  // namespace latentd::model
