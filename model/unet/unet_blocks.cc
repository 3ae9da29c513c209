#include "model/unet/unet_blocks.h"

#include <ATen/ops/cat.h>

#include <algorithm>

namespace latentd::model {
namespace {

ResnetBlock MakeResnet(const UNetConfig& config, int64_t in, int64_t out, const at::TensorOptions& options,
                       double output_scale = 1) {
  return ResnetBlock(ResnetBlockImpl::Shape{.in_channels = in,
                                            .out_channels = out,
                                            .time_features = config.time_features,
                                            .norm_groups = config.norm_groups,
                                            .norm_eps = config.norm_eps,
                                            .activation = config.activation,
                                            .output_scale = output_scale},
                     options);
}

TransformerShape ShapeOf(const UNetConfig& config, const UNetLevel& level) {
  return {.channels = level.channels,
          .heads = level.heads,
          .blocks = level.transformer_layers,
          .context_features = level.context_features,
          .norm_groups = config.norm_groups,
          .only_cross_attention = level.only_cross_attention,
          .linear_projection = config.linear_projection,
          .gated = config.gated};
}

}  // namespace

DownBlockImpl::DownBlockImpl(const UNetConfig& config, size_t level, const at::TensorOptions& options) {
  const UNetLevel& own = config.levels[level];
  if (own.down_attention) {
    attentions_ = register_module("attentions", std::make_shared<ModuleVector<Transformer2D>>());
  }
  resnets_ = register_module("resnets", std::make_shared<ModuleVector<ResnetBlock>>());
  for (int64_t i = 0; i < own.layers; ++i) {
    const int64_t in = i == 0 ? config.levels[std::max<size_t>(level, 1) - 1].channels : own.channels;
    resnets_->Append(MakeResnet(config, in, own.channels, options));
    if (attentions_) attentions_->Append(Transformer2D(ShapeOf(config, own), options));
  }
  if (level + 1 < config.levels.size()) {
    downsamplers_ = register_module("downsamplers", std::make_shared<ModuleVector<Downsample>>());
    downsamplers_->Append(Downsample(own.channels, config.downsample_padding, options));
  }
}

at::Tensor DownBlockImpl::forward(const at::Tensor& x, const at::Tensor& time, const Context& context,
                                  std::vector<at::Tensor>& skips, const BlockMotion& motion) const {
  at::Tensor h = x;
  for (size_t i = 0; i < resnets_->size(); ++i) {
    h = (*resnets_)[i]->forward(h, time);                         // [L, C, H, W]
    if (attentions_) h = (*attentions_)[i]->forward(h, context);  // [L, C, H, W]
    h = motion.Mix(i, h);                                         // [L, C, H, W]
    skips.push_back(h);
  }
  if (downsamplers_) {
    h = (*downsamplers_)[0]->forward(h);  // [L, C, H', W']
    skips.push_back(h);
  }
  return h;
}

MidBlockImpl::MidBlockImpl(const UNetConfig& config, const at::TensorOptions& options)
    : resnets_(register_module("resnets", std::make_shared<ModuleVector<ResnetBlock>>())),
      attentions_(register_module("attentions", std::make_shared<ModuleVector<Transformer2D>>())) {
  const UNetLevel& last = config.levels.back();
  TransformerShape shape = ShapeOf(config, last);
  shape.only_cross_attention = false;  // the reference's middle block does not know the field
  attentions_->Append(Transformer2D(shape, options));
  for (int i = 0; i < 2; ++i) {
    resnets_->Append(MakeResnet(config, last.channels, last.channels, options, config.mid_block_scale));
  }
}

at::Tensor MidBlockImpl::forward(const at::Tensor& x, const at::Tensor& time, const Context& context,
                                 const BlockMotion& motion) const {
  at::Tensor h = (*resnets_)[0]->forward(x, time);  // [L, C, H, W] throughout
  h = (*attentions_)[0]->forward(h, context);
  return (*resnets_)[1]->forward(motion.Mix(0, h), time);
}

UpBlockImpl::UpBlockImpl(const UNetConfig& config, size_t level, const at::TensorOptions& options) {
  const UNetLevel& own = config.levels[level];
  if (own.up_attention) {
    attentions_ = register_module("attentions", std::make_shared<ModuleVector<Transformer2D>>());
  }
  resnets_ = register_module("resnets", std::make_shared<ModuleVector<ResnetBlock>>());
  for (int64_t i = 0; i <= own.layers; ++i) {
    const bool first = i == 0;
    const bool last = i == own.layers;
    const int64_t below = first ? config.levels[std::min(level + 1, config.levels.size() - 1)].channels : own.channels;
    const int64_t skip = last ? config.levels[std::max<size_t>(level, 1) - 1].channels : own.channels;
    resnets_->Append(MakeResnet(config, below + skip, own.channels, options));
    if (attentions_) attentions_->Append(Transformer2D(ShapeOf(config, own), options));
  }
  if (level > 0) {
    upsamplers_ = register_module("upsamplers", std::make_shared<ModuleVector<Upsample>>());
    upsamplers_->Append(Upsample(own.channels, options));
  }
}

at::Tensor UpBlockImpl::forward(const at::Tensor& x, const at::Tensor& time, const Context& context,
                                std::vector<at::Tensor>& skips, const BlockMotion& motion) const {
  at::Tensor h = x;
  for (size_t i = 0; i < resnets_->size(); ++i) {
    h = at::cat({h, skips.back()}, /*dim=*/1);  // [L, below + skip, H, W]
    skips.pop_back();
    h = (*resnets_)[i]->forward(h, time);                         // [L, C, H, W]
    if (attentions_) h = (*attentions_)[i]->forward(h, context);  // [L, C, H, W]
    h = motion.Mix(i, h);                                         // [L, C, H, W]
  }
  if (!upsamplers_) return h;
  // The size that the next level had on the way down: an odd one was rounded when it was halved.
  return (*upsamplers_)[0]->forward(h, skips.back().size(2), skips.back().size(3));  // [L, C, H', W']
}

}  // namespace latentd::model
