#pragma once

#include <ATen/core/Tensor.h>

namespace latentd::model::kernels {

struct ConvOptions {
  int64_t stride = 1;
  int64_t padding = 1;
  bool pad_bottom_right_only = false;  // one row and column of zeros there, instead of `padding` on every side
  // When positive, x is first enlarged to this size by the nearest pixel.
  int64_t enlarged_height = 0;
  int64_t enlarged_width = 0;
};

// x: [B, in, H, W]; weight: [out, in, k, k]; bias: [out]; addend: [B, out, H', W'], channels-last, or undefined.
// Returns [B, out, H', W'], channels-last.
//
// On the CPU a convolution is a product (see kernels/matmul.h) whose left rows are gathered pixel by pixel, tap by tap,
// out of the channels-last map, so that padding, stride and enlargement cost nothing and no copy is made. Windows of
// 3x3 with stride 1 over large maps are computed by Winograd's method, with less than half the multiplications; the
// choice depends on the map's size and not on B, so that an image's bits do not depend on its neighbours.
at::Tensor Conv2d(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const ConvOptions& options,
                  const at::Tensor& addend = {});

}  // namespace latentd::model::kernels
