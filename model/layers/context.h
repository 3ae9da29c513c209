#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace latentd::model {

// What some consecutive lanes attend to, all of one length.
struct ContextGroup {
  at::Tensor states;     // [n, T, D] for the next n lanes
  at::Tensor objects{};  // [n, N, D]: what gated self-attention looks at beside the tokens; undefined: it is passed by
};

// One entry for each run of lanes with equal length, all or none of which have objects; the n of all groups sum to the
// number of lanes. Prompts of different length share a forward this way: cross-attention runs per group and nothing is
// padded with a mask.
using Context = std::vector<ContextGroup>;

}  // namespace latentd::model
