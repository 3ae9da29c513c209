#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <memory>

#include "model/vae/coder_blocks.h"

namespace latentd::model {

// Images to latents, or to what describes them: the network that AutoencoderKL and VQModel share (diffusers' Encoder).
class EncoderImpl : public torch::nn::Module {
 public:
  EncoderImpl(const CoderConfig& config, int64_t out_channels, const at::TensorOptions& options);

  at::Tensor forward(const at::Tensor& images) const;  // [B, in, H, W] -> [B, out_channels, h, w]

 private:
  Conv2d conv_in_;
  std::shared_ptr<ModuleVector<EncoderBlock>> down_blocks_;
  SpatialMidBlock mid_block_;
  GroupNorm conv_norm_out_;
  Conv2d conv_out_;
};
TORCH_MODULE(Encoder);

// Latents to images (diffusers' Decoder).
class DecoderImpl : public torch::nn::Module {
 public:
  DecoderImpl(const CoderConfig& config, const at::TensorOptions& options);

  at::Tensor forward(const at::Tensor& latents) const;  // [B, latent, h, w] -> [B, out, H, W]

 private:
  Conv2d conv_in_;
  SpatialMidBlock mid_block_;
  std::shared_ptr<ModuleVector<DecoderBlock>> up_blocks_;
  GroupNorm conv_norm_out_;
  Conv2d conv_out_;
};
TORCH_MODULE(Decoder);

}  // namespace latentd::model
