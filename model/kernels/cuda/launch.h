#pragma once

#include <cuda_runtime_api.h>

#include <cstdint>

#include "model/kernels/activation.h"
#include "model/kernels/isa/table.h"

// What our CUDA kernels are started with: plain pointers, so that the files that nvcc compiles need no LibTorch. Work
// is put on `stream`; errors are those of the launch.
namespace latentd::model::kernels::cuda {

// activation((x + offset - mean) / sqrt(variance + eps) * weight + bias) over groups of channels.
struct GroupNormLaunch {
  Scalar scalar;
  const void* x;       // [images][pixels][channels]
  const void* offset;  // [images][channels]; may be null
  const void* weight;  // [channels]
  const void* bias;    // [channels]
  void* out;           // as x
  float* sums;         // scratch: GroupNormScratch() of them
  int images, pixels, channels, groups;
  float eps;
  Activation activation;
};

// REQUIRES: channels * 8 bytes fit a block's shared memory (48 KiB): channels <= 6144.
int64_t GroupNormScratch(int images, int pixels, int channels, int groups);
cudaError_t GroupNorm(const GroupNormLaunch& launch, cudaStream_t stream);

// out[r][i] = x[r][i] * gelu(x[r][columns + i]). x: [rows][2 * columns], out: [rows][columns]
struct GegluLaunch {
  Scalar scalar;
  const void* x;
  void* out;
  int64_t rows, columns;
};
cudaError_t Geglu(const GegluLaunch& launch, cudaStream_t stream);

}  // namespace latentd::model::kernels::cuda
