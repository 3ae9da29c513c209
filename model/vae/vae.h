#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include "model/layers/linear.h"
#include "model/vae/coder.h"
#include "model/vae/vae_config.h"

namespace latentd::model {

// The encoder's answer: a normal distribution for each latent.
struct LatentDistribution {
  at::Tensor mean;     // [B, latent, h, w]
  at::Tensor log_var;  // [B, latent, h, w], within [-30, 20]

  at::Tensor Deviation() const;  // exp(log_var / 2)
  // mean + deviation * noise, noise being a standard normal of the same shape, drawn by the caller.
  at::Tensor Sample(const at::Tensor& noise) const;
};

// The autoencoder between images and latents (Rombach et al. 2022, arXiv:2112.10752; diffusers' AutoencoderKL, whose
// parameter names it has).
//
// Neither side multiplies by config().scaling_factor: a pipeline decodes latents / scaling_factor. Images are in [-1,
// 1]. Both may run from one thread at a time. On the CPU in float32 an image's bytes depend on nothing but its own
// input.
class AutoencoderKLImpl : public torch::nn::Module {
 public:
  // Parameters are allocated with `options` (dtype, device), not initialised.
  AutoencoderKLImpl(const VaeConfig& config, const at::TensorOptions& options);

  // When to work in tiles, which bounds the memory: when the image has more pixels than a square of this edge.
  static constexpr int64_t kTileAboveEdge = 1024;

  LatentDistribution Encode(const at::Tensor& images) const;  // [B, in, H, W] -> [B, latent, H / Scale(), W / Scale()]
  at::Tensor Decode(const at::Tensor& latents) const;         // [B, latent, h, w] -> [B, out, h * Scale(), w * Scale()]

  // Always in tiles of `tile_pixels` along the edge of an image (a multiple of config().Scale()).
  LatentDistribution EncodeTiled(const at::Tensor& images, int64_t tile_pixels) const;
  at::Tensor DecodeTiled(const at::Tensor& latents, int64_t tile_pixels) const;

  const VaeConfig& config() const { return config_; }

 private:
  at::Tensor Moments(const at::Tensor& images) const;  // [B, in, H, W] -> [B, 2 * latent, h, w]
  at::Tensor Pixels(const at::Tensor& latents) const;  // [B, latent, h, w] -> [B, out, H, W]
  at::Tensor ToNetwork(const at::Tensor& x) const;
  int64_t DefaultTile() const;

  const VaeConfig config_;
  Encoder encoder_;
  Decoder decoder_;
  Linear quant_conv_{nullptr};  // 1x1 convolutions; empty when the configuration has none
  Linear post_quant_conv_{nullptr};
};
TORCH_MODULE(AutoencoderKL);

}  // namespace latentd::model
