#include "model/kernels/group_norm.h"

#include <ATen/ops/group_norm.h>

#include "model/kernels/elementwise.h"

namespace latentd::model::kernels {

at::Tensor GroupNorm(const at::Tensor& x, const at::Tensor& offset, const at::Tensor& weight, const at::Tensor& bias,
                     const GroupNormOptions& options) {
  const at::Tensor shifted = offset.defined() ? x + offset.unsqueeze(-1).unsqueeze(-1) : x;
  const at::Tensor normed = at::group_norm(shifted, options.groups, weight, bias, options.eps, /*cudnn_enabled=*/false);
  return Activate(normed, options.activation);
}

}  // namespace latentd::model::kernels
