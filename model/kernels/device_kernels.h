#pragma once

#include <ATen/core/Tensor.h>

#include "model/kernels/group_norm.h"

// Our kernels for accelerators: in builds with CUDA (LATENTD_CUDA), those for its devices. They are for what LibTorch
// does in several passes over memory; products and attention are its own.
namespace latentd::model::kernels {

// Whether there are some for tensors like x. The functions below require it.
bool HasDeviceKernels(const at::Tensor& x);

// As GroupNorm() and Geglu().
at::Tensor DeviceGroupNorm(const at::Tensor& x, const at::Tensor& offset, const at::Tensor& weight,
                           const at::Tensor& bias, const GroupNormOptions& options);
at::Tensor DeviceGeglu(const at::Tensor& x);

}  // namespace latentd::model::kernels
