#include "model/kernels/matmul.h"

#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>

#include <vector>

#include "model/kernels/elementwise.h"
#include "model/kernels/product.h"

namespace latentd::model::kernels {
namespace {

at::Tensor OurLinear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const at::Tensor& addend,
                     bool gated) {
  const at::Tensor rows = x.contiguous();         // [..., in]
  const at::Tensor matrix = weight.contiguous();  // [columns, in]
  const at::Tensor added = addend.defined() ? addend.contiguous() : addend;
  const int64_t features = x.size(-1);
  TORCH_CHECK(matrix.size(1) == features, "matrix product: ", x.sizes(), " by ", weight.sizes());
  std::vector<int64_t> shape = x.sizes().vec();
  shape.back() = matrix.size(0) / (gated ? 2 : 1);
  at::Tensor out = at::empty(shape, x.options());  // [..., out]
  TORCH_CHECK(!added.defined() || added.sizes() == out.sizes(), "matrix product: ", addend.sizes(), " added to ",
              shape);
  if (out.numel() == 0) return out;

  const auto* first = static_cast<const char*>(rows.const_data_ptr());
  const int64_t row_bytes = features * static_cast<int64_t>(x.element_size());
  RunProduct({.scalar = ScalarOf(x),
              .rows = nullptr,
              .row_count = x.numel() / features,
              .taps = 1,
              .features = features,
              .weight = matrix.const_data_ptr(),
              .first_column = 0,
              .column_count = 0,
              .columns = shape.back(),
              .bias = DataOrNull(bias),
              .gated = gated,
              .addend = DataOrNull(added),
              .out = out.mutable_data_ptr(),
              .scratch = nullptr},
             [first, row_bytes](int64_t row, int64_t /*tap*/) -> const void* { return first + row * row_bytes; });
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

}  // namespace latentd::model::kernels
