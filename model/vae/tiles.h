#pragma once

#include <ATen/core/Tensor.h>

#include <functional>

namespace latentd::model {

// How a map too large for one pass is cut. Sizes on either side of the network, in its own pixels: an encoder's input
// pixels are images', its output pixels latents'.
struct Tiling {
  int64_t tile_in;   // edge of an input tile
  int64_t tile_out;  // edge of the output of a whole tile
};

// Runs `network` over overlapping tiles of `x` and blends their seams linearly, like diffusers' tiled_decode and
// tiled_encode with an overlap of a quarter. x: [B, C, H, W]; network: [B, C, h, w] -> [B, C', h', w'].
at::Tensor RunTiled(const at::Tensor& x, const Tiling& tiling,
                    const std::function<at::Tensor(const at::Tensor&)>& network);

}  // namespace latentd::model
