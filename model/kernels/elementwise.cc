#include "model/kernels/elementwise.h"

#include <ATen/ops/gelu.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/silu.h>

namespace latentd::model::kernels {

at::Tensor Activate(const at::Tensor& x, Activation activation) {
  switch (activation) {
    case Activation::kSilu:
      return at::silu(x);
    case Activation::kGelu:
      return at::gelu(x);
    case Activation::kRelu:
      return at::relu(x);
    case Activation::kNone:
      break;
  }
  return x;
}

at::Tensor Geglu(const at::Tensor& x) {
  const int64_t half = x.size(-1) / 2;
  return x.narrow(-1, 0, half) * at::gelu(x.narrow(-1, half, half));
}

}  // namespace latentd::model::kernels
