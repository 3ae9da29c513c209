#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace latentd::model {

// What ControlNets add to the maps of one lane of a U-Net's forward, in its type and on its device. Lanes without one
// are left as they are.
struct LaneResiduals {
  int64_t lane = 0;
  // [C, H, W] each, for the maps that the way up looks at: the first convolution's, then those of the down blocks.
  std::vector<at::Tensor> down;
  at::Tensor middle;  // [C, H, W], for what the middle block gives
};

}  // namespace latentd::model
