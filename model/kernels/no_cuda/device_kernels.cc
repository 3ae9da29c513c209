#include "model/kernels/device_kernels.h"

namespace latentd::model::kernels {

bool HasDeviceKernels(const at::Tensor& /*x*/) { return false; }

at::Tensor DeviceGroupNorm(const at::Tensor& x, const at::Tensor& /*offset*/, const at::Tensor& /*weight*/,
                           const at::Tensor& /*bias*/, const GroupNormOptions& /*options*/) {
  TORCH_CHECK(false, "this build has no kernels for ", x.device());
}

at::Tensor DeviceGeglu(const at::Tensor& x) { TORCH_CHECK(false, "this build has no kernels for ", x.device()); }

}  // namespace latentd::model::kernels
