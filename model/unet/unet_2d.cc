#include "model/unet/unet_2d.h"

#include <c10/core/InferenceMode.h>

#include <vector>

#include "model/kernels/elementwise.h"

namespace latentd::model {
namespace {

Conv2d MakeConv(int64_t in, int64_t out, const at::TensorOptions& options) {
  return Conv2d(Conv2dImpl::Shape{.in_channels = in, .out_channels = out}, options);
}

int64_t TimeFeatureCount(const UNet2DConfig& config) {
  const int64_t first = config.levels.front().channels;
  return config.fourier_time ? 2 * first : first;
}

// The time's two layers are always SiLU, whatever act_fn says: so does the reference.
TimestepEmbedding MakeTimestepEmbedding(const UNet2DConfig& config, const at::TensorOptions& options) {
  return TimestepEmbedding(TimeFeatureCount(config), config.time_features, Activation::kSilu, options);
}

}  // namespace

UNet2DModelImpl::UNet2DModelImpl(const UNet2DConfig& config, const at::TensorOptions& options)
    : config_(config),
      conv_in_(register_module("conv_in", MakeConv(config.in_channels, config.levels.front().channels, options))),
      time_embedding_(register_module("time_embedding", MakeTimestepEmbedding(config, options))),
      down_blocks_(register_module("down_blocks", std::make_shared<ModuleVector<UNet2DDownBlock>>())),
      up_blocks_(register_module("up_blocks", std::make_shared<ModuleVector<UNet2DUpBlock>>())),
      conv_norm_out_(register_module(
          "conv_norm_out", GroupNorm(config.norm_groups, config.levels.front().channels, config.norm_eps, options))),
      conv_out_(register_module("conv_out", MakeConv(config.levels.front().channels, config.out_channels, options))) {
  if (config.fourier_time) {
    time_proj_ = register_module("time_proj", FourierProjection(config.levels.front().channels, options));
  }
  if (config.class_embedding == ClassEmbedding::kTable) {
    class_table_ = register_module("class_embedding", Embedding(config.classes, config.time_features, options));
  } else if (config.class_embedding == ClassEmbedding::kTimestep) {
    class_timestep_ = register_module("class_embedding", MakeTimestepEmbedding(config, options));
  }
  const size_t count = config.levels.size();
  for (size_t level = 0; level < count; ++level) down_blocks_->Append(UNet2DDownBlock(config, level, options));
  if (config.has_mid_block) mid_block_ = register_module("mid_block", MakeUNet2DMidBlock(config, options));
  for (size_t i = 0; i < count; ++i) up_blocks_->Append(UNet2DUpBlock(config, count - 1 - i, options));
}

void UNet2DModelImpl::CheckShapes(const at::Tensor& sample, const at::Tensor& timesteps,
                                  const at::Tensor& class_labels) const {
  const int64_t unit = config_.SizeUnit();
  TORCH_CHECK(sample.dim() == 4 && sample.size(1) == config_.in_channels && sample.size(2) % unit == 0 &&
                  sample.size(3) % unit == 0,
              "U-Net: the sample is ", sample.sizes(), " instead of [L, ", config_.in_channels,
              ", h, w], h and w being multiples of ", unit);
  const int64_t lanes = sample.size(0);
  TORCH_CHECK(timesteps.dim() == 1 && timesteps.size(0) == lanes, "U-Net: the timesteps are ", timesteps.sizes(),
              " instead of [", lanes, "]");
  if (config_.class_embedding == ClassEmbedding::kNone) {
    TORCH_CHECK(!class_labels.defined(), "U-Net: class labels for a network without classes");
    return;
  }
  TORCH_CHECK(class_labels.defined(), "U-Net: the class labels are missing");
  if (config_.class_embedding == ClassEmbedding::kIdentity) {
    TORCH_CHECK(
        class_labels.dim() == 2 && class_labels.size(0) == lanes && class_labels.size(1) == config_.time_features,
        "U-Net: the class embeddings are ", class_labels.sizes(), " instead of [", lanes, ", ", config_.time_features,
        "]");
    return;
  }
  TORCH_CHECK(class_labels.dim() == 1 && class_labels.size(0) == lanes, "U-Net: the class labels are ",
              class_labels.sizes(), " instead of [", lanes, "]");
  if (config_.class_embedding != ClassEmbedding::kTable || lanes == 0) return;
  TORCH_CHECK(at::isIntegralType(class_labels.scalar_type(), /*includeBool=*/false),
              "U-Net: the class labels are not integers");
  TORCH_CHECK(class_labels.min().item<int64_t>() >= 0 && class_labels.max().item<int64_t>() < config_.classes,
              "U-Net: a class label is not in [0, ", config_.classes, ")");
}

at::Tensor UNet2DModelImpl::TimeFeatures(const at::Tensor& timesteps) const {
  if (time_proj_) return time_proj_->forward(timesteps);
  return SinusoidalEmbedding(timesteps, config_.levels.front().channels, config_.flip_sin_to_cos, config_.freq_shift);
}

at::Tensor UNet2DModelImpl::Time(const at::Tensor& timesteps, const at::Tensor& class_labels) const {
  at::Tensor time = time_embedding_->forward(TimeFeatures(timesteps));  // [L, time_features]
  if (class_table_) return time + class_table_->forward(class_labels.to(time.device(), at::kLong));
  if (class_timestep_) return time + class_timestep_->forward(TimeFeatures(class_labels));
  return class_labels.defined() ? time + class_labels.to(time.options()) : time;
}

at::Tensor UNet2DModelImpl::forward(const at::Tensor& sample, const at::Tensor& timesteps,
                                    const at::Tensor& class_labels) const {
  const c10::InferenceMode no_gradients;
  CheckShapes(sample, timesteps, class_labels);
  const at::TensorOptions options = conv_in_->weight.options();

  // 1. To the network's type and memory order.
  at::Tensor x = sample.to(options).contiguous(at::MemoryFormat::ChannelsLast);  // [L, in, h, w]
  if (config_.center_input) x = 2 * x - 1;

  // 2. Time. Every residual block takes the activation of the same embedding, so it is computed once.
  const at::Tensor time = kernels::Activate(Time(timesteps, class_labels), config_.activation);  // [L, time_features]

  // 3. Down, keeping the maps that the way up will look at again.
  x = conv_in_->forward(x);  // [L, C0, h, w]
  std::vector<at::Tensor> skips = {x};
  for (const UNet2DDownBlock& block : *down_blocks_) x = block->forward(x, time, skips);  // [L, Ci, h >> i, w >> i]

  // 4. Middle.
  if (mid_block_) x = mid_block_->forward(x, time);  // [L, Cn, h >> n, w >> n]

  // 5. Up.
  for (const UNet2DUpBlock& block : *up_blocks_) x = block->forward(x, time, skips);  // [L, Ci, h >> i, w >> i]

  // 6. Out. Always SiLU here too.
  x = conv_out_->forward(conv_norm_out_->forward(x, Activation::kSilu));  // [L, out, h, w]
  if (!config_.fourier_time) return x;
  const at::Tensor levels = timesteps.to(x.device(), at::kFloat).view({-1, 1, 1, 1});  // [L, 1, 1, 1]
  return x.to(at::kFloat).div(levels).to(options);
}

}  // namespace latentd::model
