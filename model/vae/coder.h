#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <memory>

#include "model/vae/vae_blocks.h"

namespace latentd::model {

// Images to twice the latent channels: means and logarithms of variances.
class VaeEncoderImpl : public torch::nn::Module {
 public:
  VaeEncoderImpl(const VaeConfig& config, const at::TensorOptions& options);

  at::Tensor forward(const at::Tensor& images) const;  // [B, in, H, W] -> [B, 2 * latent, h, w]

 private:
  Conv2d conv_in_;
  std::shared_ptr<ModuleVector<EncoderBlock>> down_blocks_;
  VaeMidBlock mid_block_;
  GroupNorm conv_norm_out_;
  Conv2d conv_out_;
};
TORCH_MODULE(VaeEncoder);

// Latents to images.
class VaeDecoderImpl : public torch::nn::Module {
 public:
  VaeDecoderImpl(const VaeConfig& config, const at::TensorOptions& options);

  at::Tensor forward(const at::Tensor& latents) const;  // [B, latent, h, w] -> [B, out, H, W]

 private:
  Conv2d conv_in_;
  VaeMidBlock mid_block_;
  std::shared_ptr<ModuleVector<DecoderBlock>> up_blocks_;
  GroupNorm conv_norm_out_;
  Conv2d conv_out_;
};
TORCH_MODULE(VaeDecoder);

}  // namespace latentd::model
