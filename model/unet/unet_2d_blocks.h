#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <memory>
#include <vector>

#include "model/layers/module_vector.h"
#include "model/layers/resample.h"
#include "model/layers/resnet_block.h"
#include "model/layers/spatial_attention.h"
#include "model/layers/spatial_mid_block.h"
#include "model/unet/unet_2d_config.h"

namespace latentd::model {

// Residual blocks of one level on the way down, each with attention among pixels behind it when the level attends, then
// a halving unless it is the last level (diffusers' DownBlock2D, AttnDownBlock2D and ResnetDownsampleBlock2D).
class UNet2DDownBlockImpl : public torch::nn::Module {
 public:
  UNet2DDownBlockImpl(const UNet2DConfig& config, size_t level, const at::TensorOptions& options);

  // x: [L, in, H, W]; time: [L, time_features] -> [L, C, H', W']. Appends what the way up will need to `skips`: the map
  // behind each residual block and behind the halving.
  at::Tensor forward(const at::Tensor& x, const at::Tensor& time, std::vector<at::Tensor>& skips) const;

 private:
  std::shared_ptr<ModuleVector<ResnetBlock>> resnets_;
  std::shared_ptr<ModuleVector<SpatialAttention>> attentions_;  // null when the level does not attend
  std::shared_ptr<ModuleVector<Downsample>> downsamplers_;      // one of the two, neither at the last level
  std::shared_ptr<ModuleVector<ResnetBlock>> resnet_downsamplers_;
};
TORCH_MODULE(UNet2DDownBlock);

// The residual and attention blocks at the coarsest level.
SpatialMidBlock MakeUNet2DMidBlock(const UNet2DConfig& config, const at::TensorOptions& options);

// Residual blocks of one level on the way up, each fed a map of the way down beside its input, then a doubling unless
// it is the finest level (diffusers' UpBlock2D, AttnUpBlock2D and ResnetUpsampleBlock2D).
class UNet2DUpBlockImpl : public torch::nn::Module {
 public:
  UNet2DUpBlockImpl(const UNet2DConfig& config, size_t level, const at::TensorOptions& options);

  // x: [L, below, H, W] -> [L, C, 2H, 2W], or [L, C, H, W] at the finest level. Takes its maps from the end of `skips`.
  at::Tensor forward(const at::Tensor& x, const at::Tensor& time, std::vector<at::Tensor>& skips) const;

 private:
  std::shared_ptr<ModuleVector<ResnetBlock>> resnets_;
  std::shared_ptr<ModuleVector<SpatialAttention>> attentions_;  // null when the level does not attend
  std::shared_ptr<ModuleVector<Upsample>> upsamplers_;          // one of the two, neither at the finest level
  std::shared_ptr<ModuleVector<ResnetBlock>> resnet_upsamplers_;
};
TORCH_MODULE(UNet2DUpBlock);

}  // namespace latentd::model
