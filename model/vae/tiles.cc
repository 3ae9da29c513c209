#include "model/vae/tiles.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>

#include <algorithm>
#include <utility>
#include <vector>

namespace latentd::model {
namespace {

constexpr double kOverlap = 0.25;

// Fades the last `extent` lines of `before` along `dim` into the first ones of `tile`, which is changed.
void Blend(const at::Tensor& before, const at::Tensor& tile, int64_t extent, int64_t dim) {
  extent = std::min({before.size(dim), tile.size(dim), extent});
  if (extent == 0) return;
  const at::TensorOptions weights = tile.options().dtype(at::kFloat);
  at::Tensor fade = at::arange(extent, weights) / static_cast<double>(extent);  // [extent]: 0, 1/extent, …
  fade = dim == 2 ? fade.unsqueeze(1) : fade;                                   // along H: [extent, 1]
  fade = fade.to(tile.scalar_type());
  const at::Tensor start = tile.narrow(dim, 0, extent);
  const at::Tensor end = before.narrow(dim, before.size(dim) - extent, extent);
  start.copy_(end * (1 - fade) + start * fade);
}

}  // namespace

at::Tensor RunTiled(const at::Tensor& x, const Tiling& tiling,
                    const std::function<at::Tensor(const at::Tensor&)>& network) {
  const auto step = std::max<int64_t>(1, static_cast<int64_t>(static_cast<double>(tiling.tile_in) * (1 - kOverlap)));
  const auto extent = static_cast<int64_t>(static_cast<double>(tiling.tile_out) * kOverlap);
  const int64_t keep = tiling.tile_out - extent;  // of every tile, from its top left

  std::vector<at::Tensor> above;  // the previous row of tiles, with their own seams blended
  std::vector<at::Tensor> rows;
  for (int64_t top = 0; top < x.size(2); top += step) {
    const at::Tensor band = x.narrow(2, top, std::min(tiling.tile_in, x.size(2) - top));  // [B, C, h, W]
    std::vector<at::Tensor> tiles;
    std::vector<at::Tensor> kept;
    for (int64_t left = 0; left < x.size(3); left += step) {
      const at::Tensor tile =
          network(band.narrow(3, left, std::min(tiling.tile_in, x.size(3) - left)));  // [B, C', h', w']
      if (!above.empty()) Blend(above[tiles.size()], tile, extent, /*dim=*/2);
      if (!tiles.empty()) Blend(tiles.back(), tile, extent, /*dim=*/3);
      tiles.push_back(tile);
      kept.push_back(tile.narrow(2, 0, std::min(keep, tile.size(2))).narrow(3, 0, std::min(keep, tile.size(3))));
    }
    rows.push_back(at::cat(kept, /*dim=*/3));  // [B, C', ≤ keep, W']
    above = std::move(tiles);
  }
  return at::cat(rows, /*dim=*/2);  // [B, C', H', W']
}

}  // namespace latentd::model
