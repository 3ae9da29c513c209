#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace latentd::model {

// What makes cheap pictures of latents in the making. Not thread-safe. On the CPU in float32 a picture's bytes depend
// on nothing but its own latent.
class Previewer {
 public:
  virtual ~Previewer() = default;

  virtual int64_t memory_bytes() const = 0;  // of the weights, those that it does not share with the codec

  // The map, when a picture is one linear map of each place's channels: [C + 1, 3], row by row, the last one the
  // constant; colours in [-1, 1]. Otherwise empty.
  virtual std::vector<float> linear_map() const { return {}; }

  // Latents of any float type and device, as the U-Net has them, [B, C, h, w] -> uint8 [B, H, W, 3] on the CPU.
  virtual at::Tensor Show(const at::Tensor& latents) const = 0;
};

}  // namespace latentd::model
