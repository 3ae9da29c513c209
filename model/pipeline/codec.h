#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace latentd::model {

// Where a picture lies among the latents as the U-Net has them: a normal distribution for each element.
struct EncodedPicture {
  at::Tensor mean;       // [B, C, h, w] float32
  at::Tensor deviation;  // likewise; undefined when the encoder gives one latent and no distribution
};

// What lies between pictures and what the U-Net denoises: an autoencoder, or nothing for models in pixel space.
//
// Not thread-safe. On the CPU in float32 a picture's bytes depend on nothing but its own input.
class Codec {
 public:
  virtual ~Codec() = default;

  virtual int64_t channels() const = 0;       // of a latent
  virtual int64_t scale() const = 0;          // pixels along the edge of one place of a latent
  virtual double scaling_factor() const = 0;  // the U-Net's latents are the encoder's times this
  virtual int64_t memory_bytes() const = 0;   // of the weights

  // Latents as the U-Net has them, float32 [B, C, h, w] -> colours [B, 3, h · scale, w · scale] in the network's type;
  // they are meant to lie in [-1, 1].
  virtual at::Tensor Decode(const at::Tensor& latents) const = 0;

  // Colours in [-1, 1], [B, 3, H, W]. REQUIRES: H and W are multiples of the scale.
  virtual EncodedPicture Encode(const at::Tensor& pictures) const = 0;
};

}  // namespace latentd::model
