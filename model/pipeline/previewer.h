#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace latentd::model {

// What makes cheap pictures of latents in the making. Not thread-safe. On the CPU in float32 a picture's bytes depend
// on nothing but its own latent.
class Previewer {
 public:
  virtual ~Previewer() = default;

  virtual int64_t memory_bytes() const = 0;  // of the weights, those that it does not share with the codec

  // Latents of any float type and device, as the U-Net has them, [B, C, h, w] -> uint8 [B, H, W, 3] on the CPU.
  virtual at::Tensor Show(const at::Tensor& latents) const = 0;
};

}  // namespace latentd::model
