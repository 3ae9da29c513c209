#pragma once

#include <ATen/core/Tensor.h>

namespace latentd::model::kernels {

// x Wᵀ + b for few rows. x: [B, in]; weight: [out, in]; bias: [out] or undefined; one type. Returns [B, out].
//
// Reads the weight once for all rows, and sums each row in the same order whatever B is, which matrix products do not:
// they choose their blocking by the number of rows.
at::Tensor RowLinear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

}  // namespace latentd::model::kernels
