#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <span>

namespace latentd::model::kernels {

// scale · up(down(x)) for some consecutive lanes.
struct LowRankTerm {
  int64_t first_lane;
  int64_t lanes;
  const at::Tensor* down;  // [rank, in] or [rank, in, 1, 1], contiguous, of x's type
  const at::Tensor* up;    // [out, rank], likewise
  double scale;
};

// Adds the terms to `out`, in their order. x: [L, ..., in]; out: [L, ..., out], contiguous.
//
// On the CPU, for every type, all terms of all lanes are one parallel region: whoever computes eight lanes with eight
// adapters must not pay for sixteen regions, whose threads wait for each other at each one's end. What `down` gives
// stays in the cache. A lane's bits do not depend on its neighbours. Elsewhere it is LibTorch's products, term by term.
void AddLowRank(const at::Tensor& x, std::span<const LowRankTerm> terms, const at::Tensor& out);

}  // namespace latentd::model::kernels
