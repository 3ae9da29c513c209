#include "model/kernels/matmul.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>

#include <vector>

#include "model/kernels/elementwise.h"
#include "model/kernels/product.h"

namespace latentd::model::kernels {
namespace {

// x Wᵀ + bias + addend into `out`. x: [..., in], out: [..., columns], addend like out or undefined, all contiguous;
// weight: [columns, in], twice as many columns when gated. `addend` may be `out`.
void RunLinear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, bool gated,
               const at::Tensor& addend, const at::Tensor& out) {
  const int64_t features = x.size(-1);
  TORCH_CHECK(weight.size(1) == features, "matrix product: ", x.sizes(), " by ", weight.sizes());
  if (out.numel() == 0) return;
  const auto* first = static_cast<const char*>(x.const_data_ptr());
  const int64_t row_bytes = features * static_cast<int64_t>(x.element_size());
  RunProduct({.scalar = ScalarOf(x),
              .rows = nullptr,
              .row_count = x.numel() / features,
              .taps = 1,
              .features = features,
              .weight = weight.const_data_ptr(),
              .first_column = 0,
              .column_count = 0,
              .columns = out.size(-1),
              .bias = DataOrNull(bias),
              .gated = gated,
              .addend = DataOrNull(addend),
              .out = out.mutable_data_ptr(),
              .scratch = nullptr},
             [first, row_bytes](int64_t row, int64_t /*tap*/) -> const void* { return first + row * row_bytes; });
}

at::Tensor OurLinear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const at::Tensor& addend,
                     bool gated) {
  const at::Tensor added = addend.defined() ? addend.contiguous() : addend;
  std::vector<int64_t> shape = x.sizes().vec();
  shape.back() = weight.size(0) / (gated ? 2 : 1);
  at::Tensor out = at::empty(shape, x.options());  // [..., out]
  TORCH_CHECK(!added.defined() || added.sizes() == out.sizes(), "matrix product: ", addend.sizes(), " added to ",
              shape);
  RunLinear(x.contiguous(), weight.contiguous(), bias, gated, added, out);
  return out;
}

}  // namespace

at::Tensor Linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const at::Tensor& addend) {
  const at::Tensor matrix = weight.flatten(1);
  if (!LeaveProductToLibTorch(x)) return OurLinear(x, matrix, bias, addend, /*gated=*/false);
  at::Tensor out = at::linear(x, matrix, bias);
  return addend.defined() ? out.add_(addend) : out;
}

at::Tensor GatedLinear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  if (!LeaveProductToLibTorch(x)) return OurLinear(x, weight, bias, {}, /*gated=*/true);
  return Geglu(at::linear(x, weight, bias));
}

void AddLinear(const at::Tensor& x, const at::Tensor& weight, double scale, const at::Tensor& into) {
  if (LeaveProductToLibTorch(x)) {
    if (into.is_contiguous()) {
      into.view({-1, into.size(-1)}).addmm_(x.reshape({-1, x.size(-1)}), weight.t(), /*beta=*/1, /*alpha=*/scale);
    } else {
      into.add_(at::linear(x, weight), scale);
    }
    return;
  }
  TORCH_CHECK(
      into.is_contiguous() && into.size(-1) == weight.size(0) && into.numel() / into.size(-1) * x.size(-1) == x.numel(),
      "matrix product: ", x.sizes(), " by ", weight.sizes(), " added to ", into.sizes());
  RunLinear((scale == 1 ? x : x * scale).contiguous(), weight.contiguous(), {}, /*gated=*/false, into, into);
}

}  // namespace latentd::model::kernels
