#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace latentd::model {

// A change of a layer's weight W by a product of two thin ones, W + up · down (Hu et al. 2021, arXiv:2106.09685), in
// the layer's type and on its device. It is never multiplied out.
struct LowRank {
  at::Tensor down;  // [rank, in] or [rank, in, k, k] as the weight has it, channels-last
  at::Tensor up;    // [out, rank]
};

// A change for some consecutive lanes of one forward: y += scale · up(down(x)) there.
struct LaneDelta {
  int64_t first_lane = 0;
  int64_t lanes = 0;
  const LowRank* change = nullptr;  // not null
  double scale = 1;
};

// In the order in which they are added. Ranges may overlap: a lane may have several.
using LaneDeltas = std::vector<LaneDelta>;

}  // namespace latentd::model
