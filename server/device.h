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
// As --dtype calls it.
std::string NameOf(at::ScalarType type);

}  // namespace latentd
