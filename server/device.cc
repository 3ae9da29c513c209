#include "server/device.h"

#include <ATen/Context.h>
#include <ATen/detail/CUDAHooksInterface.h>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace latentd {

absl::StatusOr<at::Device> ChooseDevice(const std::string& name) {
  const bool cuda = at::hasCUDA();
  if (name == "cpu" || (name == "auto" && !cuda)) return at::Device(at::kCPU);
  if (!cuda) {
    return absl::FailedPreconditionError(
        absl::StrCat("--device ", name, ": there is no CUDA device, or this build has no CUDA"));
  }
  int index = 0;
  if (absl::string_view rest = name; absl::ConsumePrefix(&rest, "cuda:") && !absl::SimpleAtoi(rest, &index)) {
    return absl::InvalidArgumentError(absl::StrCat("--device ", name, ": not a device"));
  }
  if (index >= at::detail::getCUDAHooks().deviceCount()) {
    return absl::FailedPreconditionError(absl::StrCat("--device ", name, ": there is no such CUDA device"));
  }
  return at::Device(at::kCUDA, static_cast<c10::DeviceIndex>(index));
}

at::ScalarType ChooseType(const std::string& name, at::Device device) {
  if (name == "bfloat16") return at::kBFloat16;
  if (name == "float16") return at::kHalf;
  if (name == "auto" && device.is_cuda()) return at::kHalf;
  return at::kFloat;
}

void KeepFloat32() { at::globalContext().setAllowTF32CuDNN(false); }

std::string NameOf(at::ScalarType type) {
  switch (type) {
    case at::kBFloat16:
      return "bfloat16";
    case at::kHalf:
      return "float16";
    default:
      return "float32";
  }
}

}  // namespace latentd
