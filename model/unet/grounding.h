#pragma once

#include <ATen/core/Tensor.h>

#include <array>
#include <cstddef>
#include <vector>

namespace latentd::model {

// A box in shares of the picture's width and height: left, top, right, bottom.
using Box = std::array<float, 4>;

// How many boxes a network with gated self-attention takes.
constexpr size_t kMaxBoxes = 30;

// Phrases in boxes, as a network with gated self-attention is told them (Li et al. 2023, arXiv:2301.07093). Without any
// it is told that there is nothing in particular anywhere.
struct Grounding {
  std::vector<Box> boxes;  // at most kMaxBoxes
  at::Tensor phrases{};    // [boxes, D]: each box's phrase as one vector; undefined without boxes
};

}  // namespace latentd::model
