#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "server/imaging/resample.h"

namespace latentd::imaging {

// Fractional bits of a weight. 8 bits are the pixel's, and two more hold what negative weights let a sum overshoot.
constexpr int kWeightBits = 32 - 8 - 2;

// Which source pixels make each pixel of an axis, and how much each counts.
struct WeightTable {
  struct Pixel {
    size_t first;    // of the source pixels
    size_t count;    // at least 1
    size_t weights;  // where its weights begin
  };
  std::vector<Pixel> pixels;
  std::vector<int32_t> weights;

  std::span<const int32_t> weights_of(const Pixel& pixel) const {
    return std::span(weights).subspan(pixel.weights, pixel.count);
  }
};

// REQUIRES: what ResampleWindow requires of an axis of a source of `length` > 0 pixels.
WeightTable MakeWeights(const Axis& axis, int length, Filter filter);

}  // namespace latentd::imaging
