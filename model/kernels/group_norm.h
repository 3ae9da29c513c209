#pragma once

#include <ATen/core/Tensor.h>

#include "model/kernels/activation.h"

namespace latentd::model::kernels {

struct GroupNormOptions {
  int64_t groups;
  double eps;
  Activation activation = Activation::kNone;
};

// activation(group_norm(x + offset[:, :, None, None]) * weight + bias), channels-last.
//
// x: [B, C, H, W]; offset: [B, C] or undefined; weight, bias: [C]; all of one type. Returns [B, C, H, W],
// channels-last. On the CPU the sums are float32 over fixed blocks of pixels, combined in float64 in a fixed order: an
// image's bytes do not depend on the batch or on the number of threads, which is not so for at::group_norm.
at::Tensor GroupNorm(const at::Tensor& x, const at::Tensor& offset, const at::Tensor& weight, const at::Tensor& bias,
                     const GroupNormOptions& options);

}  // namespace latentd::model::kernels
