#pragma once

#include <cuda_bf16.h>
#include <cuda_fp16.h>

#include "model/kernels/activation.h"
#include "model/kernels/isa/table.h"

namespace latentd::model::kernels::cuda {

__device__ inline float ToFloat(float x) { return x; }
__device__ inline float ToFloat(__half x) { return __half2float(x); }
__device__ inline float ToFloat(__nv_bfloat16 x) { return __bfloat162float(x); }

template <typename T>
__device__ T FromFloat(float x);
template <>
__device__ inline float FromFloat<float>(float x) {
  return x;
}
template <>
__device__ inline __half FromFloat<__half>(float x) {
  return __float2half_rn(x);
}
template <>
__device__ inline __nv_bfloat16 FromFloat<__nv_bfloat16>(float x) {
  return __float2bfloat16_rn(x);
}

// Values that are read and written together, at most 16 bytes.
template <typename T, int kWidth>
struct alignas(sizeof(T) * kWidth) Pack {
  T values[kWidth];
};

__device__ inline float Gelu(float x) { return 0.5f * x * (1.0f + erff(x * 0.70710678118654752f)); }

__device__ inline float Activated(float x, Activation activation) {
  switch (activation) {
    case Activation::kSilu:
      return x / (1.0f + expf(-x));
    case Activation::kGelu:
      return Gelu(x);
    case Activation::kQuickGelu:
      return x / (1.0f + expf(-1.702f * x));
    case Activation::kRelu:
      return fmaxf(x, 0.0f);
    case Activation::kNone:
      break;
  }
  return x;
}

template <typename T, int kWide>
struct Packs {
  using Type = T;
  static constexpr int kWidth = kWide;
};

// Calls `work` with the Packs to take: of 16 bytes when `length` is made of them and the pointers are aligned, else of
// single values.
template <typename Work>
auto Dispatch(Scalar scalar, int64_t length, bool aligned, const Work& work) {
  const auto pick = [&](auto wide) {
    using T = typename decltype(wide)::Type;
    return aligned && length % decltype(wide)::kWidth == 0 ? work(wide) : work(Packs<T, 1>{});
  };
  switch (scalar) {
    case Scalar::kFloat32:
      return pick(Packs<float, 4>{});
    case Scalar::kBFloat16:
      return pick(Packs<__nv_bfloat16, 8>{});
    case Scalar::kFloat16:
      break;
  }
  return pick(Packs<__half, 8>{});
}

inline bool Aligned(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer) % 16 == 0; }

}  // namespace latentd::model::kernels::cuda
