#include "model/unet/controlnet.h"

#include <ATen/ops/flip.h>
#include <c10/core/InferenceMode.h>

#include "model/kernels/elementwise.h"
#include "model/unet/added_features.h"

namespace latentd::model {
namespace {

Conv2d MakeConv(int64_t in, int64_t out, int64_t stride, const at::TensorOptions& options) {
  return Conv2d(Conv2dImpl::Shape{.in_channels = in, .out_channels = out, .stride = stride}, options);
}

Linear MakeOutput(int64_t channels, const at::TensorOptions& options) {
  return Linear(channels, channels, /*with_bias=*/true, options, WeightLayout::kPointwise);
}

}  // namespace

HintEncoderImpl::HintEncoderImpl(const ControlNetConfig& config, const at::TensorOptions& options)
    : conv_in_(register_module("conv_in",
                               MakeConv(config.picture_channels, config.hint_channels.front(), /*stride=*/1, options))),
      blocks_(register_module("blocks", std::make_shared<ModuleVector<Conv2d>>())),
      conv_out_(register_module("conv_out", MakeConv(config.hint_channels.back(), config.unet.levels.front().channels,
                                                     /*stride=*/1, options))) {
  for (size_t i = 0; i + 1 < config.hint_channels.size(); ++i) {
    const int64_t channels = config.hint_channels[i];
    blocks_->Append(MakeConv(channels, channels, /*stride=*/1, options));
    blocks_->Append(MakeConv(channels, config.hint_channels[i + 1], /*stride=*/2, options));
  }
}

at::Tensor HintEncoderImpl::forward(const at::Tensor& picture) const {
  at::Tensor x = kernels::Activate(conv_in_->forward(picture), Activation::kSilu);  // [n, E0, H, W]
  for (const Conv2d& block : *blocks_) {
    x = kernels::Activate(block->forward(x), Activation::kSilu);  // [n, Ei, H >> i, W >> i]
  }
  return conv_out_->forward(x);  // [n, C0, h, w]
}

ControlNetModelImpl::ControlNetModelImpl(const ControlNetConfig& config, const at::TensorOptions& options)
    : config_(config),
      conv_in_(register_module(
          "conv_in", MakeConv(config.unet.in_channels, config.unet.levels.front().channels, /*stride=*/1, options))),
      time_embedding_(register_module("time_embedding",
                                      TimestepEmbedding(config.unet.levels.front().channels, config.unet.time_features,
                                                        config.unet.activation, options))),
      hint_encoder_(register_module("controlnet_cond_embedding", HintEncoder(config, options))),
      down_blocks_(register_module("down_blocks", std::make_shared<ModuleVector<DownBlock>>())),
      down_outputs_(register_module("controlnet_down_blocks", std::make_shared<ModuleVector<Linear>>())),
      mid_block_(register_module("mid_block", MidBlock(config.unet, options))),
      middle_output_(register_module("controlnet_mid_block", MakeOutput(config.unet.levels.back().channels, options))) {
  const UNetConfig& unet = config.unet;
  if (unet.added_features > 0) {
    add_embedding_ = register_module(
        "add_embedding", TimestepEmbedding(unet.added_features, unet.time_features, Activation::kSilu, options));
  }
  down_outputs_->Append(MakeOutput(unet.levels.front().channels, options));
  for (size_t level = 0; level < unet.levels.size(); ++level) {
    down_blocks_->Append(DownBlock(unet, level, options));
    const bool halves = level + 1 < unet.levels.size();
    for (int64_t i = 0; i < unet.levels[level].layers + (halves ? 1 : 0); ++i) {
      down_outputs_->Append(MakeOutput(unet.levels[level].channels, options));
    }
  }
}

at::Tensor ControlNetModelImpl::EncodeHint(const at::Tensor& picture) const {
  const c10::InferenceMode no_gradients;
  TORCH_CHECK(picture.dim() == 4 && picture.size(1) == config_.picture_channels, "ControlNet: the picture is ",
              picture.sizes(), " instead of [n, ", config_.picture_channels, ", H, W]");
  const at::Tensor colours = config_.blue_first ? at::flip(picture, {1}) : picture;
  return hint_encoder_->forward(colours.to(conv_in_->weight.options()).contiguous(at::MemoryFormat::ChannelsLast));
}

at::Tensor ControlNetModelImpl::Time(const at::Tensor& timesteps, const AddedConditions& added) const {
  const UNetConfig& unet = config_.unet;
  const at::Tensor time = time_embedding_->forward(
      SinusoidalEmbedding(timesteps, unet.levels.front().channels, unet.flip_sin_to_cos, unet.freq_shift));
  return add_embedding_ ? time + add_embedding_->forward(AddedFeatures(unet, added)) : time;
}

ControlNetModelImpl::Residuals ControlNetModelImpl::forward(const at::Tensor& sample, const at::Tensor& timesteps,
                                                            const Context& context, const at::Tensor& hints,
                                                            const AddedConditions& added) const {
  const c10::InferenceMode no_gradients;
  TORCH_CHECK(sample.dim() == 4 && sample.size(1) == config_.unet.in_channels, "ControlNet: the sample is ",
              sample.sizes(), " instead of [L, ", config_.unet.in_channels, ", h, w]");
  const std::vector<int64_t> hint_shape = {sample.size(0), config_.unet.levels.front().channels, sample.size(2),
                                           sample.size(3)};
  TORCH_CHECK(hints.sizes() == hint_shape, "ControlNet: the hints are ", hints.sizes(), " instead of ", hint_shape);
  TORCH_CHECK(!add_embedding_ || (added.pooled.defined() && added.numbers.defined()),
              "ControlNet: the added conditions are missing");
  const at::TensorOptions options = conv_in_->weight.options();

  // 1. To the network's type and memory order.
  at::Tensor x = sample.to(options).contiguous(at::MemoryFormat::ChannelsLast);  // [L, in, h, w]
  Context states;
  for (const ContextGroup& group : context) states.push_back({group.states.to(options).contiguous()});  // [n, T, D]

  // 2. Time, through the activation that every residual block takes of it.
  const at::Tensor time = kernels::Activate(Time(timesteps, added), config_.unet.activation);  // [L, time_features]

  // 3. Down, from the latent and the picture together.
  x = conv_in_->forward(x, hints.contiguous(at::MemoryFormat::ChannelsLast));  // [L, C0, h, w]
  std::vector<at::Tensor> maps = {x};
  for (const DownBlock& block : *down_blocks_) x = block->forward(x, time, states, maps);  // [L, Ci, h >> i, w >> i]

  // 4. Middle.
  x = mid_block_->forward(x, time, states);  // [L, Cn, h >> n, w >> n]

  // 5. Each map through a 1x1 convolution.
  Residuals residuals;
  for (size_t i = 0; i < maps.size(); ++i) residuals.down.push_back((*down_outputs_)[i]->ForwardMap(maps[i]));
  residuals.middle = middle_output_->ForwardMap(x);
  return residuals;
}

}  // namespace latentd::model
