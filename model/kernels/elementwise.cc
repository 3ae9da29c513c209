#include "model/kernels/elementwise.h"

#include <ATen/Parallel.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/empty_like.h>
#include <ATen/ops/gelu.h>
#include <ATen/ops/relu.h>
#include <ATen/ops/sigmoid.h>
#include <ATen/ops/silu.h>

#include <algorithm>
#include <vector>

#include "model/kernels/device_kernels.h"
#include "model/kernels/dispatch.h"

namespace latentd::model::kernels {
namespace {

constexpr int64_t kGrain = 1 << 15;  // elements that one thread takes at least

at::Tensor ActivateByLibTorch(const at::Tensor& x, Activation activation) {
  switch (activation) {
    case Activation::kSilu:
      return at::silu(x);
    case Activation::kGelu:
      return at::gelu(x);
    case Activation::kQuickGelu:
      return x * at::sigmoid(1.702 * x);
    case Activation::kRelu:
      return at::relu(x);
    case Activation::kNone:
      break;
  }
  return x;
}

}  // namespace

at::Tensor Activate(const at::Tensor& x, Activation activation) {
  if (activation == Activation::kNone) return x;
  if (!IsOurs(x)) return ActivateByLibTorch(x, activation);
  const at::Tensor in = x.is_non_overlapping_and_dense() ? x : x.contiguous();
  at::Tensor out = at::empty_like(in);
  const auto* from = static_cast<const char*>(in.const_data_ptr());
  auto* to = static_cast<char*>(out.mutable_data_ptr());
  const auto size = static_cast<int64_t>(x.element_size());
  at::parallel_for(0, in.numel(), kGrain, [&](int64_t begin, int64_t end) {
    Kernels().activate(ScalarOf(x), from + begin * size, end - begin, activation, to + begin * size);
  });
  return out;
}

at::Tensor Geglu(const at::Tensor& x) {
  const int64_t half = x.size(-1) / 2;
  if (HasDeviceKernels(x)) return DeviceGeglu(x);
  if (!IsOurs(x)) return x.narrow(-1, 0, half) * at::gelu(x.narrow(-1, half, half));
  const at::Tensor in = x.contiguous();  // [..., 2n]
  std::vector<int64_t> shape = x.sizes().vec();
  shape.back() = half;
  at::Tensor out = at::empty(shape, x.options());  // [..., n]
  const auto* from = static_cast<const char*>(in.const_data_ptr());
  auto* to = static_cast<char*>(out.mutable_data_ptr());
  const int64_t row_bytes = half * static_cast<int64_t>(x.element_size());
  at::parallel_for(0, x.numel() / (2 * half), std::max<int64_t>(1, kGrain / half), [&](int64_t begin, int64_t end) {
    Kernels().geglu(ScalarOf(x), from + begin * 2 * row_bytes, end - begin, half, to + begin * row_bytes);
  });
  return out;
}

}  // namespace latentd::model::kernels
