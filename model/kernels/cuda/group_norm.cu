#include <algorithm>

#include "model/kernels/cuda/launch.h"
#include "model/kernels/cuda/scalars.cuh"

// Two passes over the map, which stays channels-last: LibTorch's group norm turns it to channels-first and back, which
// takes longer than the norm itself. Sums are added in a fixed order that depends on the image's shape alone.
namespace latentd::model::kernels::cuda {
namespace {

constexpr int kThreads = 256;
constexpr int kMaxParts = 64;  // of an image: the second pass adds their sums again in every block

// How the threads of a block lie over the pixels and channels of a part.
struct Layout {
  int columns;  // threads side by side over the channels, `kWidth` of them each
  int rows;     // pixels at once
};

__host__ __device__ inline Layout LayoutOf(int packs) {
  const int columns = packs < kThreads ? packs : kThreads;
  return {columns, kThreads / columns};
}

// Of parts of at least 16 pixels for each row of threads.
int PartsOf(int pixels, int channels) {
  const int rows = std::max(1, kThreads / std::max(1, channels / 8));
  return std::clamp(pixels / (16 * rows), 1, kMaxParts);
}

// sums[image][part][group]: of x + offset, and of its square.
template <typename T, int kWidth>
__global__ void SumsKernel(const T* x, const T* offset, float2* sums, int pixels, int channels, int groups) {
  extern __shared__ float2 shared[];  // [rows][channels]
  using Values = Pack<T, kWidth>;
  const int part = blockIdx.x, parts = gridDim.x, image = blockIdx.y;
  const int begin = static_cast<int>(int64_t{pixels} * part / parts);
  const int end = static_cast<int>(int64_t{pixels} * (part + 1) / parts);
  const int packs = channels / kWidth;
  const Layout layout = LayoutOf(packs);
  const int row = threadIdx.x / layout.columns;
  if (row < layout.rows) {
    for (int pack = threadIdx.x % layout.columns; pack < packs; pack += layout.columns) {
      float lift[kWidth] = {}, sum[kWidth] = {}, square[kWidth] = {};
      if (offset != nullptr) {
        const Values given = *reinterpret_cast<const Values*>(offset + int64_t{image} * channels + pack * kWidth);
#pragma unroll
        for (int k = 0; k < kWidth; ++k) lift[k] = ToFloat(given.values[k]);
      }
      for (int pixel = begin + row; pixel < end; pixel += layout.rows) {
        const Values given =
            *reinterpret_cast<const Values*>(x + (int64_t{image} * pixels + pixel) * channels + pack * kWidth);
#pragma unroll
        for (int k = 0; k < kWidth; ++k) {
          const float value = ToFloat(given.values[k]) + lift[k];
          sum[k] += value;
          square[k] += value * value;
        }
      }
#pragma unroll
      for (int k = 0; k < kWidth; ++k) shared[row * channels + pack * kWidth + k] = make_float2(sum[k], square[k]);
    }
  }
  __syncthreads();
  // A warp adds up a group.
  const int width = channels / groups, lane = threadIdx.x % 32;
  for (int group = threadIdx.x / 32; group < groups; group += kThreads / 32) {
    float sum = 0, square = 0;
    for (int i = lane; i < layout.rows * width; i += 32) {
      const float2 given = shared[i / width * channels + group * width + i % width];
      sum += given.x;
      square += given.y;
    }
    for (int distance = 16; distance > 0; distance /= 2) {
      sum += __shfl_down_sync(0xffffffff, sum, distance);
      square += __shfl_down_sync(0xffffffff, square, distance);
    }
    if (lane == 0) sums[(int64_t{image} * parts + part) * groups + group] = make_float2(sum, square);
  }
}

template <typename T, int kWidth>
__global__ void ApplyKernel(const T* x, const T* offset, const T* weight, const T* bias, const float2* sums, int parts,
                            T* out, int pixels, int channels, int groups, float eps, Activation activation) {
  extern __shared__ float2 norms[];  // [groups]: mean, and one over the deviation
  using Values = Pack<T, kWidth>;
  const int image = blockIdx.y, width = channels / groups, lane = threadIdx.x % 32;
  for (int group = threadIdx.x / 32; group < groups; group += kThreads / 32) {
    double sum = 0, square = 0;
    for (int part = lane; part < parts; part += 32) {
      const float2 given = sums[(int64_t{image} * parts + part) * groups + group];
      sum += given.x;
      square += given.y;
    }
    for (int distance = 16; distance > 0; distance /= 2) {
      sum += __shfl_xor_sync(0xffffffff, sum, distance);
      square += __shfl_xor_sync(0xffffffff, square, distance);
    }
    const double count = double(width) * pixels, mean = sum / count;
    const double variance = fmax(square / count - mean * mean, 0.0);
    if (lane == 0) norms[group] = make_float2(static_cast<float>(mean), rsqrtf(static_cast<float>(variance) + eps));
  }
  __syncthreads();
  const int begin = static_cast<int>(int64_t{pixels} * blockIdx.x / gridDim.x);
  const int end = static_cast<int>(int64_t{pixels} * (blockIdx.x + 1) / gridDim.x);
  const int packs = channels / kWidth;
  const Layout layout = LayoutOf(packs);
  const int row = threadIdx.x / layout.columns;
  if (row >= layout.rows) return;
  for (int pack = threadIdx.x % layout.columns; pack < packs; pack += layout.columns) {
    const Values gain = *reinterpret_cast<const Values*>(weight + pack * kWidth);
    const Values base = *reinterpret_cast<const Values*>(bias + pack * kWidth);
    float lift[kWidth] = {}, mean[kWidth], scale[kWidth];
#pragma unroll
    for (int k = 0; k < kWidth; ++k) {
      const int channel = pack * kWidth + k;
      if (offset != nullptr) lift[k] = ToFloat(offset[int64_t{image} * channels + channel]);
      mean[k] = norms[channel / width].x;
      scale[k] = norms[channel / width].y * ToFloat(gain.values[k]);
    }
    for (int pixel = begin + row; pixel < end; pixel += layout.rows) {
      const int64_t place = (int64_t{image} * pixels + pixel) * channels + pack * kWidth;
      Values values = *reinterpret_cast<const Values*>(x + place);
#pragma unroll
      for (int k = 0; k < kWidth; ++k) {
        const float centred = ToFloat(values.values[k]) + lift[k] - mean[k];
        values.values[k] = FromFloat<T>(Activated(centred * scale[k] + ToFloat(base.values[k]), activation));
      }
      *reinterpret_cast<Values*>(out + place) = values;
    }
  }
}

}  // namespace

int64_t GroupNormScratch(int images, int pixels, int channels, int groups) {
  return int64_t{2} * images * PartsOf(pixels, channels) * groups;
}

cudaError_t GroupNorm(const GroupNormLaunch& launch, cudaStream_t stream) {
  const bool aligned = Aligned(launch.x) && Aligned(launch.offset) && Aligned(launch.weight) && Aligned(launch.bias) &&
                       Aligned(launch.out);
  return Dispatch(launch.scalar, launch.channels, aligned, [&](auto packs) {
    using T = typename decltype(packs)::Type;
    constexpr int kWidth = decltype(packs)::kWidth;
    const int parts = PartsOf(launch.pixels, launch.channels);
    const dim3 grid(static_cast<unsigned>(parts), static_cast<unsigned>(launch.images));
    const Layout layout = LayoutOf(launch.channels / kWidth);
    const auto* x = static_cast<const T*>(launch.x);
    const auto* offset = static_cast<const T*>(launch.offset);
    auto* sums = reinterpret_cast<float2*>(launch.sums);
    SumsKernel<T, kWidth><<<grid, kThreads, sizeof(float2) * layout.rows * launch.channels, stream>>>(
        x, offset, sums, launch.pixels, launch.channels, launch.groups);
    ApplyKernel<T, kWidth><<<grid, kThreads, sizeof(float2) * launch.groups, stream>>>(
        x, offset, static_cast<const T*>(launch.weight), static_cast<const T*>(launch.bias), sums, parts,
        static_cast<T*>(launch.out), launch.pixels, launch.channels, launch.groups, launch.eps, launch.activation);
    return cudaGetLastError();
  });
}

}  // namespace latentd::model::kernels::cuda
