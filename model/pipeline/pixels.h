#pragma once

#include <ATen/core/Tensor.h>

namespace latentd::model {

// Colours in [-1, 1] (others are clipped) to bytes, as diffusers does it: x / 2 + 0.5, clamped, times 255, rounded half
// to even. Keeps the shape; returns uint8 on the CPU, contiguous.
at::Tensor ToBytes(const at::Tensor& colours);

// Bytes 0 to 255, [H, W, 3], to colours in [-1, 1], float32 [3, H, W]: as diffusers' image processors do it.
at::Tensor ToColours(const at::Tensor& bytes);

}  // namespace latentd::model
