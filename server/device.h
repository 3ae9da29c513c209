#pragma once

#include <ATen/core/TensorBody.h>
#include <c10/core/Device.h>
#include <c10/core/ScalarType.h>

#include <string>

#include "absl/status/statusor.h"

namespace latentd {

// What --device names: "auto", "cpu", "cuda" or "cuda:N". FAILED_PRECONDITION or INVALID_ARGUMENT says why there is no
// such device.
absl::StatusOr<at::Device> ChooseDevice(const std::string& name);

// What --dtype names on that device: "auto", "float32", "bfloat16" or "float16".
at::ScalarType ChooseType(const std::string& name, at::Device device);
// Keeps CUDA's convolutions in float32 when that is asked for: LibTorch takes TF32 with 10 bits of mantissa by default,
// and a picture would differ from the CPU's by more than rounding.
void KeepFloat32();

// As --dtype calls it.
std::string NameOf(at::ScalarType type);

}  // namespace latentd
