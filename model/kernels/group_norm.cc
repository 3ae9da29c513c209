#include "model/kernels/group_norm.h"

#include <ATen/Parallel.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/group_norm.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "model/kernels/device_kernels.h"
#include "model/kernels/dispatch.h"
#include "model/kernels/elementwise.h"

namespace latentd::model::kernels {
namespace {

// Pixels whose sums are taken in float32 before they join the others in float64. Fixed, so that neither the batch nor
// the number of threads changes the order; short, so that the sums stay exact enough for a variance by difference.
constexpr int64_t kBlockPixels = 32;
constexpr int64_t kGrain = 1 << 15;  // elements that one thread takes at least

// Per channel of every image, what turns x + offset into the normalised value: x * scale + shift.
struct Affine {
  std::vector<float> scale, shift;  // [B][C]
};

Affine Solve(const std::vector<float>& sums, int64_t batch, int64_t blocks, int64_t pixels, const at::Tensor& weight,
             const at::Tensor& bias, const GroupNormOptions& options) {
  const int64_t channels = weight.size(0);
  const int64_t width = channels / options.groups;
  const at::Tensor gain = weight.to(at::kFloat).contiguous();  // [C]
  const at::Tensor lift = bias.to(at::kFloat).contiguous();    // [C]
  Affine result;
  result.scale.resize(static_cast<size_t>(batch * channels));
  result.shift.resize(static_cast<size_t>(batch * channels));
  for (int64_t b = 0; b < batch; ++b) {
    std::vector<double> total(static_cast<size_t>(2 * channels));
    for (int64_t block = 0; block < blocks; ++block) {
      const float* part = sums.data() + (b * blocks + block) * 2 * channels;
      for (int64_t c = 0; c < 2 * channels; ++c) total[static_cast<size_t>(c)] += part[c];
    }
    for (int64_t group = 0; group < options.groups; ++group) {
      double sum = 0, squares = 0;
      for (int64_t c = group * width; c < (group + 1) * width; ++c) {
        sum += total[static_cast<size_t>(c)];
        squares += total[static_cast<size_t>(channels + c)];
      }
      const auto count = static_cast<double>(width * pixels);
      const double mean = sum / count;
      const double variance = std::max(0.0, squares / count - mean * mean);
      const double inverse = 1 / std::sqrt(variance + options.eps);
      for (int64_t c = group * width; c < (group + 1) * width; ++c) {
        const double scale = inverse * gain.const_data_ptr<float>()[c];
        result.scale[static_cast<size_t>(b * channels + c)] = static_cast<float>(scale);
        result.shift[static_cast<size_t>(b * channels + c)] =
            static_cast<float>(lift.const_data_ptr<float>()[c] - mean * scale);
      }
    }
  }
  return result;
}

at::Tensor OurGroupNorm(const at::Tensor& x, const at::Tensor& offset, const at::Tensor& weight, const at::Tensor& bias,
                        const GroupNormOptions& options) {
  constexpr auto kOrder = at::MemoryFormat::ChannelsLast;
  const at::Tensor map = x.contiguous(kOrder);                               // [B, C, H, W] in memory as [B, H * W, C]
  const at::Tensor added = offset.defined() ? offset.contiguous() : offset;  // [B, C]
  const int64_t batch = x.size(0), channels = x.size(1), pixels = x.size(2) * x.size(3);
  const int64_t blocks = (pixels + kBlockPixels - 1) / kBlockPixels;
  const auto size = static_cast<int64_t>(x.element_size());
  at::Tensor out = at::empty(x.sizes(), x.options().memory_format(kOrder));
  if (out.numel() == 0) return out;

  const auto block_at = [&](int64_t i) {
    const int64_t first = i % blocks * kBlockPixels;
    const int64_t image = i / blocks;
    return NormPixels{.scalar = ScalarOf(x),
                      .x = static_cast<const char*>(map.const_data_ptr()) + (image * pixels + first) * channels * size,
                      .offset = added.defined()
                                    ? static_cast<const char*>(added.const_data_ptr()) + image * channels * size
                                    : nullptr,
                      .pixels = std::min(kBlockPixels, pixels - first),
                      .channels = channels};
  };
  const int64_t grain = std::max<int64_t>(1, kGrain / (kBlockPixels * channels));
  std::vector<float> sums(static_cast<size_t>(batch * blocks * 2 * channels));  // [B][blocks][sum, square][C]
  at::parallel_for(0, batch * blocks, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) Kernels().norm_sums(block_at(i), sums.data() + i * 2 * channels);
  });
  const Affine affine = Solve(sums, batch, blocks, pixels, weight, bias, options);
  at::parallel_for(0, batch * blocks, grain, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      const int64_t row = i / blocks * channels;
      const int64_t place = (i / blocks * pixels + i % blocks * kBlockPixels) * channels * size;
      Kernels().norm_apply(block_at(i), affine.scale.data() + row, affine.shift.data() + row, options.activation,
                           static_cast<char*>(out.mutable_data_ptr()) + place);
    }
  });
  return out;
}

}  // namespace

at::Tensor GroupNorm(const at::Tensor& x, const at::Tensor& offset, const at::Tensor& weight, const at::Tensor& bias,
                     const GroupNormOptions& options) {
  if (IsOurs(x)) return OurGroupNorm(x, offset, weight, bias, options);
  if (HasDeviceKernels(x)) return DeviceGroupNorm(x, offset, weight, bias, options);
  const at::Tensor shifted = offset.defined() ? x + offset.unsqueeze(-1).unsqueeze(-1) : x;
  const at::Tensor normed = at::group_norm(shifted, options.groups, weight, bias, options.eps, /*cudnn_enabled=*/false);
  return Activate(normed, options.activation);
}

}  // namespace latentd::model::kernels
