#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace latentd::model {

// What some consecutive lanes attend to, all of one length.
struct ContextGroup {
  at::Tensor states;  // [n, T, D] for the next n lanes
};

// One entry for each run of lanes with equal length; the n of all groups sum to the number of lanes. Prompts of
// different length share a forward this way: cross-attention runs per group and nothing is padded with a mask.
using Context = std::vector<ContextGroup>;

}  // namespace latentd::model
