#include "model/vae/vae_blocks.h"

#include <algorithm>

namespace latentd::model {
namespace {

constexpr double kNormEps = 1e-6;

ResnetBlock MakeResnet(const VaeConfig& config, int64_t in, int64_t out, const at::TensorOptions& options) {
  return ResnetBlock(ResnetBlockImpl::Shape{.in_channels = in,
                                            .out_channels = out,
                                            .norm_groups = config.norm_groups,
                                            .norm_eps = kNormEps,
                                            .activation = config.activation},
                     options);
}

}  // namespace

VaeMidBlockImpl::VaeMidBlockImpl(const VaeConfig& config, const at::TensorOptions& options)
    : resnets_(register_module("resnets", std::make_shared<ModuleVector<ResnetBlock>>())),
      attentions_(register_module("attentions", std::make_shared<ModuleVector<SpatialAttention>>())) {
  const int64_t channels = config.channels.back();
  for (int i = 0; i < 2; ++i) resnets_->Append(MakeResnet(config, channels, channels, options));
  if (config.mid_attention) attentions_->Append(SpatialAttention(channels, config.norm_groups, kNormEps, options));
}

at::Tensor VaeMidBlockImpl::forward(const at::Tensor& x) const {
  at::Tensor h = (*resnets_)[0]->forward(x);  // [B, C, H, W] throughout
  for (const SpatialAttention& attention : *attentions_) h = attention->forward(h);
  return (*resnets_)[1]->forward(h);
}

EncoderBlockImpl::EncoderBlockImpl(const VaeConfig& config, size_t level, const at::TensorOptions& options)
    : resnets_(register_module("resnets", std::make_shared<ModuleVector<ResnetBlock>>())) {
  const int64_t channels = config.channels[level];
  for (int64_t i = 0; i < config.layers; ++i) {
    const int64_t in = i == 0 ? config.channels[std::max<size_t>(level, 1) - 1] : channels;
    resnets_->Append(MakeResnet(config, in, channels, options));
  }
  if (level + 1 < config.channels.size()) {
    downsamplers_ = register_module("downsamplers", std::make_shared<ModuleVector<Downsample>>());
    downsamplers_->Append(Downsample(channels, /*padding=*/0, options));
  }
}

at::Tensor EncoderBlockImpl::forward(const at::Tensor& x) const {
  at::Tensor h = x;
  for (const ResnetBlock& resnet : *resnets_) h = resnet->forward(h);  // [B, C, H, W]
  return downsamplers_ ? (*downsamplers_)[0]->forward(h) : h;          // [B, C, H', W']
}

DecoderBlockImpl::DecoderBlockImpl(const VaeConfig& config, size_t level, const at::TensorOptions& options)
    : resnets_(register_module("resnets", std::make_shared<ModuleVector<ResnetBlock>>())) {
  const int64_t channels = config.channels[level];
  for (int64_t i = 0; i <= config.layers; ++i) {
    const int64_t in = i == 0 ? config.channels[std::min(level + 1, config.channels.size() - 1)] : channels;
    resnets_->Append(MakeResnet(config, in, channels, options));
  }
  if (level > 0) {
    upsamplers_ = register_module("upsamplers", std::make_shared<ModuleVector<Upsample>>());
    upsamplers_->Append(Upsample(channels, options));
  }
}

at::Tensor DecoderBlockImpl::forward(const at::Tensor& x) const {
  at::Tensor h = x;
  for (const ResnetBlock& resnet : *resnets_) h = resnet->forward(h);  // [B, C, H, W]
  return upsamplers_ ? (*upsamplers_)[0]->forward(h) : h;              // [B, C, 2H, 2W]
}

}  // namespace latentd::model
