#include "model/kernels/device_kernels.h"

#include <ATen/ops/empty.h>
#include <c10/cuda/CUDAException.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include <vector>

#include "model/kernels/cuda/launch.h"

namespace latentd::model::kernels {
namespace {

constexpr int64_t kMaxChannels = 6144;

bool IsScalar(at::ScalarType type) { return type == at::kFloat || type == at::kBFloat16 || type == at::kHalf; }

Scalar ScalarOnDevice(const at::Tensor& x) {
  return x.scalar_type() == at::kFloat      ? Scalar::kFloat32
         : x.scalar_type() == at::kBFloat16 ? Scalar::kBFloat16
                                            : Scalar::kFloat16;
}

const void* PointerOrNull(const at::Tensor& x) { return x.defined() ? x.const_data_ptr() : nullptr; }

}  // namespace

bool HasDeviceKernels(const at::Tensor& x) {
  return x.is_cuda() && IsScalar(x.scalar_type()) && (x.dim() != 4 || x.size(1) <= kMaxChannels);
}

at::Tensor DeviceGroupNorm(const at::Tensor& x, const at::Tensor& offset, const at::Tensor& weight,
                           const at::Tensor& bias, const GroupNormOptions& options) {
  const c10::cuda::CUDAGuard guard(x.device());
  const at::Tensor map = x.contiguous(at::MemoryFormat::ChannelsLast);
  const at::Tensor added = offset.defined() ? offset.contiguous() : offset;
  at::Tensor out = at::empty(x.sizes(), x.options().memory_format(at::MemoryFormat::ChannelsLast));
  if (out.numel() == 0) return out;
  const auto images = static_cast<int>(x.size(0)), channels = static_cast<int>(x.size(1));
  const auto pixels = static_cast<int>(x.size(2) * x.size(3)), groups = static_cast<int>(options.groups);
  const at::Tensor sums =
      at::empty({cuda::GroupNormScratch(images, pixels, channels, groups)}, x.options().dtype(at::kFloat));
  C10_CUDA_CHECK(cuda::GroupNorm({.scalar = ScalarOnDevice(x),
                                  .x = map.const_data_ptr(),
                                  .offset = PointerOrNull(added),
                                  .weight = weight.const_data_ptr(),
                                  .bias = bias.const_data_ptr(),
                                  .out = out.mutable_data_ptr(),
                                  .sums = sums.mutable_data_ptr<float>(),
                                  .images = images,
                                  .pixels = pixels,
                                  .channels = channels,
                                  .groups = groups,
                                  .eps = static_cast<float>(options.eps),
                                  .activation = options.activation},
                                 c10::cuda::getCurrentCUDAStream()));
  return out;
}

at::Tensor DeviceGeglu(const at::Tensor& x) {
  const c10::cuda::CUDAGuard guard(x.device());
  const at::Tensor in = x.contiguous();  // [..., 2n]
  std::vector<int64_t> shape = x.sizes().vec();
  shape.back() /= 2;
  at::Tensor out = at::empty(shape, x.options());  // [..., n]
  if (out.numel() == 0) return out;
  C10_CUDA_CHECK(cuda::Geglu({.scalar = ScalarOnDevice(x),
                              .x = in.const_data_ptr(),
                              .out = out.mutable_data_ptr(),
                              .rows = out.numel() / shape.back(),
                              .columns = shape.back()},
                             c10::cuda::getCurrentCUDAStream()));
  return out;
}

}  // namespace latentd::model::kernels
