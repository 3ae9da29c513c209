#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <memory>
#include <vector>

#include "model/layers/context.h"
#include "model/layers/conv2d.h"
#include "model/layers/linear.h"
#include "model/layers/module_vector.h"
#include "model/unet/controlnet_config.h"
#include "model/unet/timestep_embedding.h"
#include "model/unet/unet.h"
#include "model/unet/unet_blocks.h"

namespace latentd::model {

// Brings a picture that steers to the size and the channels of a ControlNet's first map (diffusers'
// ControlNetConditioningEmbedding).
class HintEncoderImpl : public torch::nn::Module {
 public:
  HintEncoderImpl(const ControlNetConfig& config, const at::TensorOptions& options);

  // picture: [n, picture_channels, H, W] -> [n, C0, h, w]; each halving rounds up
  at::Tensor forward(const at::Tensor& picture) const;

 private:
  Conv2d conv_in_;
  std::shared_ptr<ModuleVector<Conv2d>> blocks_;
  Conv2d conv_out_;
};
TORCH_MODULE(HintEncoder);

// A copy of a U-Net's way down and middle that also looks at a picture; what it gives is added to the maps of the U-Net
// (Zhang et al. 2023, arXiv:2302.05543; diffusers' ControlNetModel, whose parameter names it has).
//
//   const at::Tensor hint = net->EncodeHint(picture);  // once for all steps
//   const auto added = net->forward(latents, timesteps, {{.states = text}}, hint);
//
// Both are const and may run from one thread at a time. On the CPU in float32 a lane's bytes depend on nothing but that
// lane.
class ControlNetModelImpl : public torch::nn::Module {
 public:
  // Parameters are allocated with `options` (dtype, device), not initialised.
  ControlNetModelImpl(const ControlNetConfig& config, const at::TensorOptions& options);

  // picture: [n, picture_channels, H, W], red first, from 0 to 1 -> [n, C0, h, w] in the network's type
  at::Tensor EncodeHint(const at::Tensor& picture) const;

  struct Residuals {
    std::vector<at::Tensor> down;  // [L, C, H, W] each, as LaneResiduals::down
    at::Tensor middle;             // [L, C, H, W]
  };

  // sample, timesteps, context, and of `added` the pooled text and the numbers: as UNet2DConditionModelImpl::forward
  // takes them; hints: [L, C0, h, w]. Throws c10::Error when the shapes do not fit.
  Residuals forward(const at::Tensor& sample, const at::Tensor& timesteps, const Context& context,
                    const at::Tensor& hints, const AddedConditions& added = {}) const;

  const ControlNetConfig& config() const { return config_; }

 private:
  at::Tensor Time(const at::Tensor& timesteps, const AddedConditions& added) const;  // [L, time_features]

  const ControlNetConfig config_;
  Conv2d conv_in_;
  TimestepEmbedding time_embedding_;
  TimestepEmbedding add_embedding_{nullptr};  // empty when the configuration has no added features
  HintEncoder hint_encoder_;
  std::shared_ptr<ModuleVector<DownBlock>> down_blocks_;
  std::shared_ptr<ModuleVector<Linear>> down_outputs_;  // 1x1 convolutions, one for each map of the way down
  MidBlock mid_block_;
  Linear middle_output_;  // a 1x1 convolution
};
TORCH_MODULE(ControlNetModel);

}  // namespace latentd::model
