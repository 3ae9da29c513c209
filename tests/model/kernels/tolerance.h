#pragma once

#include <c10/core/ScalarType.h>

namespace latentd::model::kernels {

// Relative to the largest value: a rounding of the result, and a little for float32's sums.
inline double Tolerance(at::ScalarType type) {
  if (type == at::kFloat) return 3e-6;
  return type == at::kHalf ? 1e-3 : 8e-3;
}

}  // namespace latentd::model::kernels
