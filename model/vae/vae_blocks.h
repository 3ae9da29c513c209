#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <memory>

#include "model/layers/module_vector.h"
#include "model/layers/resample.h"
#include "model/layers/resnet_block.h"
#include "model/vae/spatial_attention.h"
#include "model/vae/vae_config.h"

namespace latentd::model {

// Residual block, attention unless the configuration has none, residual block at the coarsest level (diffusers'
// UNetMidBlock2D).
class VaeMidBlockImpl : public torch::nn::Module {
 public:
  VaeMidBlockImpl(const VaeConfig& config, const at::TensorOptions& options);

  at::Tensor forward(const at::Tensor& x) const;  // [B, C, H, W] -> [B, C, H, W]

 private:
  std::shared_ptr<ModuleVector<ResnetBlock>> resnets_;
  std::shared_ptr<ModuleVector<SpatialAttention>> attentions_;
};
TORCH_MODULE(VaeMidBlock);

// Residual blocks of one level of the encoder, then a halving unless it is the last (diffusers' DownEncoderBlock2D).
class EncoderBlockImpl : public torch::nn::Module {
 public:
  EncoderBlockImpl(const VaeConfig& config, size_t level, const at::TensorOptions& options);

  at::Tensor forward(const at::Tensor& x) const;  // [B, in, H, W] -> [B, C, H', W']

 private:
  std::shared_ptr<ModuleVector<ResnetBlock>> resnets_;
  std::shared_ptr<ModuleVector<Downsample>> downsamplers_;  // null at the last level
};
TORCH_MODULE(EncoderBlock);

// Residual blocks of one level of the decoder, then a doubling unless it is the finest (diffusers' UpDecoderBlock2D).
class DecoderBlockImpl : public torch::nn::Module {
 public:
  DecoderBlockImpl(const VaeConfig& config, size_t level, const at::TensorOptions& options);

  at::Tensor forward(const at::Tensor& x) const;  // [B, in, H, W] -> [B, C, H', W']

 private:
  std::shared_ptr<ModuleVector<ResnetBlock>> resnets_;
  std::shared_ptr<ModuleVector<Upsample>> upsamplers_;  // null at the finest level
};
TORCH_MODULE(DecoderBlock);

}  // namespace latentd::model
