#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <memory>

#include "model/layers/module_vector.h"
#include "model/layers/resample.h"
#include "model/layers/resnet_block.h"
#include "model/layers/spatial_attention.h"
#include "model/layers/spatial_mid_block.h"
#include "model/vae/coder_config.h"

namespace latentd::model {

// The residual and attention blocks at the coarsest level, of the encoder and of the decoder.
SpatialMidBlock MakeCoderMidBlock(const CoderConfig& config, const at::TensorOptions& options);

// Residual blocks of one level of the encoder, each with attention behind it when the level attends, then a halving
// unless it is the last (diffusers' DownEncoderBlock2D and AttnDownEncoderBlock2D).
class EncoderBlockImpl : public torch::nn::Module {
 public:
  EncoderBlockImpl(const CoderConfig& config, size_t level, const at::TensorOptions& options);

  at::Tensor forward(const at::Tensor& x) const;  // [B, in, H, W] -> [B, C, H', W']

 private:
  std::shared_ptr<ModuleVector<ResnetBlock>> resnets_;
  std::shared_ptr<ModuleVector<SpatialAttention>> attentions_;  // null when the level does not attend
  std::shared_ptr<ModuleVector<Downsample>> downsamplers_;      // null at the last level
};
TORCH_MODULE(EncoderBlock);

// Residual blocks of one level of the decoder, each with attention behind it when the level attends, then a doubling
// unless it is the finest (diffusers' UpDecoderBlock2D and AttnUpDecoderBlock2D).
class DecoderBlockImpl : public torch::nn::Module {
 public:
  DecoderBlockImpl(const CoderConfig& config, size_t level, const at::TensorOptions& options);

  at::Tensor forward(const at::Tensor& x) const;  // [B, in, H, W] -> [B, C, H', W']

 private:
  std::shared_ptr<ModuleVector<ResnetBlock>> resnets_;
  std::shared_ptr<ModuleVector<SpatialAttention>> attentions_;  // null when the level does not attend
  std::shared_ptr<ModuleVector<Upsample>> upsamplers_;          // null at the finest level
};
TORCH_MODULE(DecoderBlock);

}  // namespace latentd::model
