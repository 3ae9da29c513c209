#include "model/layers/group_norm.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/group_norm.h>
#include <ATen/ops/silu.h>

namespace latentd::model {

GroupNormImpl::GroupNormImpl(int64_t groups, int64_t channels, double eps, const at::TensorOptions& options)
    : weight(register_parameter("weight", at::empty({channels}, options), /*requires_grad=*/false)),
      bias(register_parameter("bias", at::empty({channels}, options), /*requires_grad=*/false)),
      groups_(groups),
      eps_(eps) {}

at::Tensor GroupNormImpl::forward(const at::Tensor& x) const {
  return at::group_norm(x, groups_, weight, bias, eps_, /*cudnn_enabled=*/false);
}

at::Tensor GroupNormImpl::ForwardSilu(const at::Tensor& x) const { return at::silu(forward(x)); }

}  // namespace latentd::model
