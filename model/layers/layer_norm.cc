#include "model/layers/layer_norm.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/layer_norm.h>

namespace latentd::model {

LayerNormImpl::LayerNormImpl(int64_t features, double eps, const at::TensorOptions& options)
    : weight(register_parameter("weight", at::empty({features}, options), /*requires_grad=*/false)),
      bias(register_parameter("bias", at::empty({features}, options), /*requires_grad=*/false)),
      eps_(eps) {}

at::Tensor LayerNormImpl::forward(const at::Tensor& x) const {
  return at::layer_norm(x, weight.sizes(), weight, bias, eps_);
}

}  // namespace latentd::model
