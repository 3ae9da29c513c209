#include <algorithm>

#include "model/kernels/cuda/launch.h"
#include "model/kernels/cuda/scalars.cuh"

namespace latentd::model::kernels::cuda {
namespace {

constexpr int kThreads = 256;

template <typename T, int kWidth>
__global__ void GegluKernel(const T* x, T* out, int64_t rows, int64_t columns) {
  using Values = Pack<T, kWidth>;
  const int64_t packs = columns / kWidth;
  const int64_t count = rows * packs;
  for (int64_t i = blockIdx.x * int64_t{blockDim.x} + threadIdx.x; i < count; i += int64_t{gridDim.x} * blockDim.x) {
    const int64_t row = i / packs, column = i % packs * kWidth;
    const Values value = *reinterpret_cast<const Values*>(x + row * 2 * columns + column);
    const Values gate = *reinterpret_cast<const Values*>(x + row * 2 * columns + columns + column);
    Values result;
#pragma unroll
    for (int k = 0; k < kWidth; ++k) {
      result.values[k] = FromFloat<T>(ToFloat(value.values[k]) * Gelu(ToFloat(gate.values[k])));
    }
    *reinterpret_cast<Values*>(out + row * columns + column) = result;
  }
}

}  // namespace

cudaError_t Geglu(const GegluLaunch& launch, cudaStream_t stream) {
  return Dispatch(launch.scalar, launch.columns, Aligned(launch.x) && Aligned(launch.out), [&](auto packs) {
    using T = typename decltype(packs)::Type;
    constexpr int kWidth = decltype(packs)::kWidth;
    const int64_t count = launch.rows * launch.columns / kWidth;
    const auto blocks = static_cast<unsigned>(std::clamp<int64_t>((count + kThreads - 1) / kThreads, 1, 1 << 20));
    GegluKernel<T, kWidth><<<blocks, kThreads, 0, stream>>>(static_cast<const T*>(launch.x),
                                                            static_cast<T*>(launch.out), launch.rows, launch.columns);
    return cudaGetLastError();
  });
}

}  // namespace latentd::model::kernels::cuda
