#include "model/layers/group_norm.h"

#include <ATen/ops/empty.h>

#include "model/kernels/group_norm.h"

namespace latentd::model {

GroupNormImpl::GroupNormImpl(int64_t groups, int64_t channels, double eps, const at::TensorOptions& options)
    : weight(register_parameter("weight", at::empty({channels}, options), /*requires_grad=*/false)),
      bias(register_parameter("bias", at::empty({channels}, options), /*requires_grad=*/false)),
      groups_(groups),
      eps_(eps) {}

at::Tensor GroupNormImpl::forward(const at::Tensor& x, Activation activation, const at::Tensor& offset) const {
  return kernels::GroupNorm(x, offset, weight, bias, {.groups = groups_, .eps = eps_, .activation = activation});
}

}  // namespace latentd::model
