#include "model/layers/linear.h"

#include <ATen/ops/empty.h>

#include <vector>

#include "model/kernels/matmul.h"
#include "model/layers/tokens.h"

namespace latentd::model {

LinearImpl::LinearImpl(int64_t in_features, int64_t out_features, bool with_bias, const at::TensorOptions& options,
                       WeightLayout layout) {
  std::vector<int64_t> shape = {out_features, in_features};
  if (layout == WeightLayout::kPointwise) shape.insert(shape.end(), {1, 1});
  weight = register_parameter("weight", at::empty(shape, options), /*requires_grad=*/false);
  if (with_bias) bias = register_parameter("bias", at::empty({out_features}, options), /*requires_grad=*/false);
}

at::Tensor LinearImpl::forward(const at::Tensor& x, const at::Tensor& addend) const {
  return kernels::Linear(x, weight, bias, addend);
}

at::Tensor LinearImpl::ForwardMap(const at::Tensor& x) const {
  return FromTokens(forward(ToTokens(x)), x.size(2), x.size(3));
}

}  // namespace latentd::model
