#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

namespace latentd::model {

// What some consecutive lanes attend to, all of one length.
struct ContextGroup {
  at::Tensor states;  // [n, T, D] for the next n lanes, or n times `lanes_each`
  // Consecutive lanes that attend to the same entry of `states`: the frames of a clip. Keys and values are made once.
  int64_t lanes_each = 1;
  // [n, N, D]: what gated self-attention looks at beside the tokens; undefined: it is passed by, as by clips always.
  at::Tensor objects{};

  int64_t lanes() const { return states.size(0) * lanes_each; }
};

// One entry for each run of lanes with equal length, all or none of which have objects; the lanes of all groups sum to
// those of the forward. Prompts of different length share a forward this way: cross-attention runs per group and
// nothing is padded with a mask.
using Context = std::vector<ContextGroup>;

}  // namespace latentd::model
