#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include "model/vae/autoencoder_tiny_blocks.h"
#include "model/vae/autoencoder_tiny_config.h"

namespace latentd::model {

// A small, fast autoencoder distilled from a large one, for previews (TAESD, github.com/madebyollin/taesd; diffusers'
// AutoencoderTiny, whose parameter names it has).
//
// Neither side multiplies by config().scaling_factor: a pipeline decodes latents / scaling_factor. Images are in [-1,
// 1]; decoded ones may leave it a little. It may run from one thread at a time. On the CPU in float32 an image's bytes
// depend on nothing but its own input.
class AutoencoderTinyImpl : public torch::nn::Module {
 public:
  // Parameters are allocated with `options` (dtype, device), not initialised.
  AutoencoderTinyImpl(const AutoencoderTinyConfig& config, const at::TensorOptions& options);

  // images: [B, in, H, W] -> [B, latent, h, w], h = H / EncoderScale() rounded up
  at::Tensor Encode(const at::Tensor& images) const;

  // latents: [B, latent, h, w] -> [B, out, h * DecoderScale(), w * DecoderScale()]
  at::Tensor Decode(const at::Tensor& latents) const;

  // Latents to [0, 1], clamped there, and back, for storing them as bytes. Any shape.
  at::Tensor ScaleLatents(const at::Tensor& latents) const;
  at::Tensor UnscaleLatents(const at::Tensor& scaled) const;

  const AutoencoderTinyConfig& config() const { return config_; }

 private:
  at::Tensor ToNetwork(const at::Tensor& x) const;  // the network's type, device and memory order

  const AutoencoderTinyConfig config_;
  TinyEncoder encoder_;
  TinyDecoder decoder_;
};
TORCH_MODULE(AutoencoderTiny);

}  // namespace latentd::model
