#include "model/kernels/row_linear.h"

#include <ATen/ops/linear.h>

namespace latentd::model::kernels {

at::Tensor RowLinear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  return at::linear(x, weight, bias);
}

}  // namespace latentd::model::kernels
