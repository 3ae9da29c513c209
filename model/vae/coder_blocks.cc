#include "model/vae/coder_blocks.h"

#include <algorithm>

namespace latentd::model {
namespace {

constexpr double kNormEps = 1e-6;

ResnetBlockImpl::Shape ResnetShape(const CoderConfig& config, int64_t in, int64_t out) {
  return {.in_channels = in,
          .out_channels = out,
          .norm_groups = config.norm_groups,
          .norm_eps = kNormEps,
          .activation = config.activation};
}

SpatialAttentionImpl::Shape AttentionShape(const CoderConfig& config, int64_t channels) {
  return {.channels = channels, .norm_groups = config.norm_groups, .norm_eps = kNormEps};
}

// Residual blocks, and attention behind each where there is any.
at::Tensor RunBlocks(at::Tensor h, const ModuleVector<ResnetBlock>& resnets,
                     const ModuleVector<SpatialAttention>* attentions) {
  for (size_t i = 0; i < resnets.size(); ++i) {
    h = resnets[i]->forward(h);                                   // [B, C, H, W]
    if (attentions != nullptr) h = (*attentions)[i]->forward(h);  // [B, C, H, W]
  }
  return h;
}

}  // namespace

SpatialMidBlock MakeCoderMidBlock(const CoderConfig& config, const at::TensorOptions& options) {
  const int64_t channels = config.channels.back();
  const ResnetBlockImpl::Shape resnet = ResnetShape(config, channels, channels);
  if (!config.mid_attention) return SpatialMidBlock(resnet, std::nullopt, options);
  return SpatialMidBlock(resnet, AttentionShape(config, channels), options);
}

EncoderBlockImpl::EncoderBlockImpl(const CoderConfig& config, size_t level, const at::TensorOptions& options)
    : resnets_(register_module("resnets", std::make_shared<ModuleVector<ResnetBlock>>())) {
  const int64_t channels = config.channels[level];
  if (config.down_attention[level]) {
    attentions_ = register_module("attentions", std::make_shared<ModuleVector<SpatialAttention>>());
  }
  for (int64_t i = 0; i < config.layers; ++i) {
    const int64_t in = i == 0 ? config.channels[std::max<size_t>(level, 1) - 1] : channels;
    resnets_->Append(ResnetBlock(ResnetShape(config, in, channels), options));
    if (attentions_) attentions_->Append(SpatialAttention(AttentionShape(config, channels), options));
  }
  if (level + 1 < config.channels.size()) {
    downsamplers_ = register_module("downsamplers", std::make_shared<ModuleVector<Downsample>>());
    downsamplers_->Append(Downsample(channels, /*padding=*/0, options));
  }
}

at::Tensor EncoderBlockImpl::forward(const at::Tensor& x) const {
  const at::Tensor h = RunBlocks(x, *resnets_, attentions_.get());  // [B, C, H, W]
  return downsamplers_ ? (*downsamplers_)[0]->forward(h) : h;       // [B, C, H', W']
}

DecoderBlockImpl::DecoderBlockImpl(const CoderConfig& config, size_t level, const at::TensorOptions& options)
    : resnets_(register_module("resnets", std::make_shared<ModuleVector<ResnetBlock>>())) {
  const int64_t channels = config.channels[level];
  if (config.up_attention[level]) {
    attentions_ = register_module("attentions", std::make_shared<ModuleVector<SpatialAttention>>());
  }
  for (int64_t i = 0; i <= config.layers; ++i) {
    const int64_t in = i == 0 ? config.channels[std::min(level + 1, config.channels.size() - 1)] : channels;
    resnets_->Append(ResnetBlock(ResnetShape(config, in, channels), options));
    if (attentions_) attentions_->Append(SpatialAttention(AttentionShape(config, channels), options));
  }
  if (level > 0) {
    upsamplers_ = register_module("upsamplers", std::make_shared<ModuleVector<Upsample>>());
    upsamplers_->Append(Upsample(channels, options));
  }
}

at::Tensor DecoderBlockImpl::forward(const at::Tensor& x) const {
  const at::Tensor h = RunBlocks(x, *resnets_, attentions_.get());  // [B, C, H, W]
  return upsamplers_ ? (*upsamplers_)[0]->forward(h) : h;           // [B, C, 2H, 2W]
}

}  // namespace latentd::model
