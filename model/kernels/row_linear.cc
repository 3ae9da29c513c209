#include "model/kernels/row_linear.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>

#include <algorithm>

#include "model/kernels/dispatch.h"

namespace latentd::model::kernels {
namespace {

constexpr int64_t kGrain = 1 << 18;  // multiply-adds that one thread takes at least

}  // namespace

at::Tensor RowLinear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  if (!IsOurs(x)) return at::linear(x, weight, bias);
  const at::Tensor rows = x.contiguous();         // [B, in]
  const at::Tensor matrix = weight.contiguous();  // [out, in]
  const int64_t count = x.size(0), features = x.size(1), outputs = weight.size(0);
  at::Tensor out = at::empty({count, outputs}, x.options());
  const auto size = static_cast<int64_t>(x.element_size());
  const auto* w = static_cast<const char*>(matrix.const_data_ptr());
  const auto* b = bias.defined() ? static_cast<const char*>(bias.const_data_ptr()) : nullptr;
  auto* to = static_cast<char*>(out.mutable_data_ptr());
  const int64_t grain = std::max<int64_t>(1, kGrain / std::max<int64_t>(1, count * features));
  at::parallel_for(0, outputs, grain, [&](int64_t begin, int64_t end) {
    Kernels().row_linear(ScalarOf(x), rows.const_data_ptr(), count, features, w + begin * features * size,
                         b == nullptr ? nullptr : b + begin * size, end - begin, to + begin * size, outputs);
  });
  return out;
}

}  // namespace latentd::model::kernels
