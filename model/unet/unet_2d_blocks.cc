#include "model/unet/unet_2d_blocks.h"

#include <ATen/ops/cat.h>

#include <algorithm>

namespace latentd::model {
namespace {

using Resample = ResnetBlockImpl::Resample;

ResnetBlockImpl::Shape ResnetShape(const UNet2DConfig& config, int64_t in, int64_t out,
                                   Resample resample = Resample::kNone) {
  return {.in_channels = in,
          .out_channels = out,
          .time_features = config.time_features,
          .scale_shift = config.scale_shift,
          .norm_groups = config.norm_groups,
          .norm_eps = config.norm_eps,
          .activation = config.activation,
          .resample = resample};
}

SpatialAttentionImpl::Shape AttentionShape(const UNet2DConfig& config, int64_t channels) {
  return {.channels = channels,
          .head_features = config.head_features,
          .norm_groups = config.norm_groups,
          .norm_eps = config.norm_eps};
}

}  // namespace

UNet2DDownBlockImpl::UNet2DDownBlockImpl(const UNet2DConfig& config, size_t level, const at::TensorOptions& options)
    : resnets_(register_module("resnets", std::make_shared<ModuleVector<ResnetBlock>>())) {
  const UNet2DLevel& own = config.levels[level];
  if (own.down_attention) {
    attentions_ = register_module("attentions", std::make_shared<ModuleVector<SpatialAttention>>());
  }
  for (int64_t i = 0; i < config.layers; ++i) {
    const int64_t in = i == 0 ? config.levels[std::max<size_t>(level, 1) - 1].channels : own.channels;
    resnets_->Append(ResnetBlock(ResnetShape(config, in, own.channels), options));
    if (attentions_) attentions_->Append(SpatialAttention(AttentionShape(config, own.channels), options));
  }
  if (level + 1 == config.levels.size()) return;
  if (own.down_by_resnet) {
    resnet_downsamplers_ = register_module("downsamplers", std::make_shared<ModuleVector<ResnetBlock>>());
    resnet_downsamplers_->Append(
        ResnetBlock(ResnetShape(config, own.channels, own.channels, Resample::kHalve), options));
  } else {
    downsamplers_ = register_module("downsamplers", std::make_shared<ModuleVector<Downsample>>());
    downsamplers_->Append(Downsample(own.channels, config.downsample_padding, options));
  }
}

at::Tensor UNet2DDownBlockImpl::forward(const at::Tensor& x, const at::Tensor& time,
                                        std::vector<at::Tensor>& skips) const {
  at::Tensor h = x;
  for (size_t i = 0; i < resnets_->size(); ++i) {
    h = (*resnets_)[i]->forward(h, time);                // [L, C, H, W]
    if (attentions_) h = (*attentions_)[i]->forward(h);  // [L, C, H, W]
    skips.push_back(h);
  }
  if (!downsamplers_ && !resnet_downsamplers_) return h;
  h = downsamplers_ ? (*downsamplers_)[0]->forward(h) : (*resnet_downsamplers_)[0]->forward(h, time);  // [L, C, H', W']
  skips.push_back(h);
  return h;
}

SpatialMidBlock MakeUNet2DMidBlock(const UNet2DConfig& config, const at::TensorOptions& options) {
  const int64_t channels = config.levels.back().channels;
  ResnetBlockImpl::Shape resnet = ResnetShape(config, channels, channels);
  resnet.output_scale = config.mid_block_scale;
  if (!config.mid_attention) return SpatialMidBlock(resnet, std::nullopt, options);
  SpatialAttentionImpl::Shape attention = AttentionShape(config, channels);
  attention.norm_groups = config.mid_attention_groups;
  attention.output_scale = config.mid_block_scale;
  return SpatialMidBlock(resnet, attention, options);
}

UNet2DUpBlockImpl::UNet2DUpBlockImpl(const UNet2DConfig& config, size_t level, const at::TensorOptions& options)
    : resnets_(register_module("resnets", std::make_shared<ModuleVector<ResnetBlock>>())) {
  const UNet2DLevel& own = config.levels[level];
  if (own.up_attention) {
    attentions_ = register_module("attentions", std::make_shared<ModuleVector<SpatialAttention>>());
  }
  for (int64_t i = 0; i <= config.layers; ++i) {
    const bool first = i == 0;
    const bool last = i == config.layers;
    const int64_t below = first ? config.levels[std::min(level + 1, config.levels.size() - 1)].channels : own.channels;
    const int64_t skip = last ? config.levels[std::max<size_t>(level, 1) - 1].channels : own.channels;
    resnets_->Append(ResnetBlock(ResnetShape(config, below + skip, own.channels), options));
    if (attentions_) attentions_->Append(SpatialAttention(AttentionShape(config, own.channels), options));
  }
  if (level == 0) return;
  if (own.up_by_resnet) {
    resnet_upsamplers_ = register_module("upsamplers", std::make_shared<ModuleVector<ResnetBlock>>());
    resnet_upsamplers_->Append(
        ResnetBlock(ResnetShape(config, own.channels, own.channels, Resample::kDouble), options));
  } else {
    upsamplers_ = register_module("upsamplers", std::make_shared<ModuleVector<Upsample>>());
    upsamplers_->Append(Upsample(own.channels, options));
  }
}

at::Tensor UNet2DUpBlockImpl::forward(const at::Tensor& x, const at::Tensor& time,
                                      std::vector<at::Tensor>& skips) const {
  at::Tensor h = x;
  for (size_t i = 0; i < resnets_->size(); ++i) {
    h = at::cat({h, skips.back()}, /*dim=*/1);  // [L, below + skip, H, W]
    skips.pop_back();
    h = (*resnets_)[i]->forward(h, time);                // [L, C, H, W]
    if (attentions_) h = (*attentions_)[i]->forward(h);  // [L, C, H, W]
  }
  if (upsamplers_) return (*upsamplers_)[0]->forward(h);                      // [L, C, 2H, 2W]
  if (resnet_upsamplers_) return (*resnet_upsamplers_)[0]->forward(h, time);  // [L, C, 2H, 2W]
  return h;
}

}  // namespace latentd::model
