#include "model/kernels/dispatch.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <cstdlib>
#include <string_view>

namespace latentd::model::kernels {

#if defined(__x86_64__)
namespace avx512 {
const KernelTable& Table();
}
namespace avx2 {
const KernelTable& Table();
}
#endif
namespace baseline {
const KernelTable& Table();
}

namespace {

bool HasFastBFloat16() {
#if defined(__x86_64__)
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  constexpr unsigned kAmxBFloat16 = 1U << 22;
  constexpr unsigned kAvx512BFloat16 = 1U << 5;
  if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx) != 0 && (edx & kAmxBFloat16) != 0) return true;
  const bool dot_product = __get_cpuid_count(7, 1, &eax, &ebx, &ecx, &edx) != 0 && (eax & kAvx512BFloat16) != 0;
  return dot_product && __builtin_cpu_is("amd") != 0;
#else
  return true;
#endif
}

}  // namespace

const KernelTable& Kernels() {
  static const KernelTable& table = []() -> const KernelTable& {
    const char* most = std::getenv("LATENTD_CPU_KERNELS");
    const std::string_view limit = most == nullptr ? "" : most;
    if (limit == "baseline") return baseline::Table();
#if defined(__x86_64__)
    // By features rather than by level (x86-64-v4, x86-64-v3), which not every compiler can ask for.
    const bool has_v3 = __builtin_cpu_supports("avx2") != 0 && __builtin_cpu_supports("fma") != 0 &&
                        __builtin_cpu_supports("bmi2") != 0;
    const bool has_v4 = has_v3 && __builtin_cpu_supports("avx512f") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
                        __builtin_cpu_supports("avx512cd") != 0 && __builtin_cpu_supports("avx512dq") != 0 &&
                        __builtin_cpu_supports("avx512vl") != 0;
    if (has_v4 && limit != "avx2") return avx512::Table();
    if (has_v3) return avx2::Table();
#endif
    return baseline::Table();
  }();
  return table;
}

bool IsOurs(const at::Tensor& x) {
  const at::ScalarType type = x.scalar_type();
  return x.is_cpu() && (type == at::kFloat || type == at::kBFloat16 || type == at::kHalf);
}

Scalar ScalarOf(const at::Tensor& x) {
  switch (x.scalar_type()) {
    case at::kFloat:
      return Scalar::kFloat32;
    case at::kBFloat16:
      return Scalar::kBFloat16;
    default:
      return Scalar::kFloat16;
  }
}

bool LeaveProductToLibTorch(const at::Tensor& x) {
  static const bool fast_bfloat16 = HasFastBFloat16();
  return !IsOurs(x) || (fast_bfloat16 && x.scalar_type() != at::kFloat);
}

}  // namespace latentd::model::kernels
