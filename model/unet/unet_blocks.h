#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <memory>
#include <vector>

#include "model/layers/context.h"
#include "model/layers/module_vector.h"
#include "model/layers/resample.h"
#include "model/layers/resnet_block.h"
#include "model/unet/motion_adapter.h"
#include "model/unet/transformer_2d.h"
#include "model/unet/unet_config.h"

namespace latentd::model {

// Residual blocks of one level on the way down, each with a transformer behind it when the level attends, then a
// halving unless it is the last level (diffusers' CrossAttnDownBlock2D and DownBlock2D).
class DownBlockImpl : public torch::nn::Module {
 public:
  DownBlockImpl(const UNetConfig& config, size_t level, const at::TensorOptions& options);

  // x: [L, in, H, W]; time: [L, time_features] -> [L, C, H', W']. Appends what the way up will need to `skips`: the map
  // behind each residual block and behind the halving. `motion` mixes the frames behind each residual block and its
  // transformer, here and below.
  at::Tensor forward(const at::Tensor& x, const at::Tensor& time, const Context& context,
                     std::vector<at::Tensor>& skips, const BlockMotion& motion = {}) const;

 private:
  std::shared_ptr<ModuleVector<ResnetBlock>> resnets_;
  std::shared_ptr<ModuleVector<Transformer2D>> attentions_;  // null when the level does not attend
  std::shared_ptr<ModuleVector<Downsample>> downsamplers_;   // null at the last level
};
TORCH_MODULE(DownBlock);

// Residual block, transformer, residual block at the coarsest level (diffusers' UNetMidBlock2DCrossAttn).
class MidBlockImpl : public torch::nn::Module {
 public:
  MidBlockImpl(const UNetConfig& config, const at::TensorOptions& options);

  // [L, C, H, W], same
  at::Tensor forward(const at::Tensor& x, const at::Tensor& time, const Context& context,
                     const BlockMotion& motion = {}) const;

 private:
  std::shared_ptr<ModuleVector<ResnetBlock>> resnets_;
  std::shared_ptr<ModuleVector<Transformer2D>> attentions_;
};
TORCH_MODULE(MidBlock);

// Residual blocks of one level on the way up, each fed a map of the way down beside its input, then an enlargement
// unless it is the finest level (diffusers' CrossAttnUpBlock2D and UpBlock2D).
class UpBlockImpl : public torch::nn::Module {
 public:
  UpBlockImpl(const UNetConfig& config, size_t level, const at::TensorOptions& options);

  // x: [L, below, H, W] -> [L, C, H', W'], (H', W') being the size of the last map left in `skips`. Takes its maps from
  // the end of `skips`.
  at::Tensor forward(const at::Tensor& x, const at::Tensor& time, const Context& context,
                     std::vector<at::Tensor>& skips, const BlockMotion& motion = {}) const;

 private:
  std::shared_ptr<ModuleVector<ResnetBlock>> resnets_;
  std::shared_ptr<ModuleVector<Transformer2D>> attentions_;  // null when the level does not attend
  std::shared_ptr<ModuleVector<Upsample>> upsamplers_;       // null at the finest level
};
TORCH_MODULE(UpBlock);

}  // namespace latentd::model
