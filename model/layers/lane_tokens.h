#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace latentd::model {

// What some consecutive lanes of one forward look at beside their context, with keys and values of its own, and how
// much that counts (decoupled cross-attention: Ye et al. 2023, arXiv:2308.06721).
struct LaneTokens {
  int64_t first_lane = 0;
  int64_t lanes = 0;
  at::Tensor tokens;                 // [lanes, T, D] in the layer's type
  const at::Tensor* to_k = nullptr;  // [inner, D], likewise; not null
  const at::Tensor* to_v = nullptr;  // likewise
  double scale = 1;
};

}  // namespace latentd::model
