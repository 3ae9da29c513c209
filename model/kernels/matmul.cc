#include "model/kernels/matmul.h"

#include <ATen/Parallel.h>
#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/linear.h>
#include <ATen/ops/upsample_nearest2d.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "model/kernels/dispatch.h"
#include "model/kernels/elementwise.h"
#include "model/kernels/scratch.h"

namespace latentd::model::kernels {
namespace {

// Blocks that keep rows, packed weights and sums together in a second-level cache of a megabyte or more.
constexpr int64_t kBlockRows = 504;
constexpr int64_t kBlockColumns = 320;
constexpr int64_t kRowStep = 6;
constexpr int64_t kColumnStep = 64;
// Less work than this (multiply-adds) is done before another thread has woken up.
constexpr int64_t kWorthSharing = 1 << 19;

int64_t CeilDiv(int64_t a, int64_t b) { return (a + b - 1) / b; }

// How the result is cut into blocks. Nothing depends on it but the speed.
struct Partition {
  int64_t rows, columns;  // of a block
  int64_t row_blocks, column_blocks;
};

Partition Cut(int64_t rows, int64_t columns, int64_t products_per_element, bool gated) {
  int64_t row_blocks = CeilDiv(rows, kBlockRows);
  int64_t column_blocks = CeilDiv(columns, gated ? kBlockColumns / 2 : kBlockColumns);
  const int64_t threads =
      rows * columns * products_per_element < kWorthSharing ? 1 : static_cast<int64_t>(at::get_num_threads());
  while (row_blocks * column_blocks % threads != 0 && row_blocks * column_blocks < 8 * threads) {
    if (rows >= 2 * kRowStep * row_blocks && rows / row_blocks >= columns / column_blocks / 4) {
      ++row_blocks;
    } else if (columns >= 2 * kColumnStep * column_blocks) {
      ++column_blocks;
    } else {
      break;
    }
  }
  Partition cut;
  cut.rows = CeilDiv(CeilDiv(rows, row_blocks), kRowStep) * kRowStep;
  cut.columns = CeilDiv(CeilDiv(columns, column_blocks), kColumnStep) * kColumnStep;
  cut.row_blocks = CeilDiv(rows, cut.rows);
  cut.column_blocks = CeilDiv(columns, cut.columns);
  return cut;
}

// A product whose rows `row_at(row, tap)` finds. The blocks run in parallel.
template <typename RowAt>
void Run(const MatmulBlock& whole, const RowAt& row_at) {
  const Partition cut = Cut(whole.row_count, whole.columns, whole.taps * whole.features, whole.gated);
  const int64_t element = whole.scalar == Scalar::kFloat32 ? 4 : 2;
  const int64_t grain = whole.row_count * whole.columns * whole.taps * whole.features < kWorthSharing
                            ? cut.row_blocks * cut.column_blocks
                            : 1;
  at::parallel_for(0, cut.row_blocks * cut.column_blocks, grain, [&](int64_t begin, int64_t end) {
    std::vector<const void*> rows;
    for (int64_t i = begin; i < end; ++i) {
      const int64_t first_row = i % cut.row_blocks * cut.rows;
      const int64_t first_column = i / cut.row_blocks * cut.columns;
      MatmulBlock block = whole;
      block.row_count = std::min(cut.rows, whole.row_count - first_row);
      block.first_column = first_column;
      block.column_count = std::min(cut.columns, whole.columns - first_column);
      rows.resize(static_cast<size_t>(block.taps * block.row_count));
      for (int64_t tap = 0; tap < block.taps; ++tap) {
        for (int64_t r = 0; r < block.row_count; ++r) {
          rows[static_cast<size_t>(tap * block.row_count + r)] = row_at(first_row + r, tap);
        }
      }
      block.rows = rows.data();
      const int64_t skipped = first_row * whole.columns * element;
      if (whole.addend != nullptr) block.addend = static_cast<const char*>(whole.addend) + skipped;
      block.out = static_cast<char*>(whole.out) + skipped;
      block.scratch = Scratch(Kernels().matmul_scratch(block.row_count, block.column_count));
      Kernels().matmul(block);
    }
  });
}

const void* DataOrNull(const at::Tensor& x) { return x.defined() ? x.const_data_ptr() : nullptr; }

at::Tensor OurLinear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const at::Tensor& addend,
                     bool gated) {
  const at::Tensor rows = x.contiguous();         // [..., in]
  const at::Tensor matrix = weight.contiguous();  // [columns, in]
  const at::Tensor added = addend.defined() ? addend.contiguous() : addend;
  const int64_t features = x.size(-1);
  TORCH_CHECK(matrix.size(1) == features, "matrix product: ", x.sizes(), " by ", weight.sizes());
  std::vector<int64_t> shape = x.sizes().vec();
  shape.back() = matrix.size(0) / (gated ? 2 : 1);
  at::Tensor out = at::empty(shape, x.options());  // [..., out]
  TORCH_CHECK(!added.defined() || added.sizes() == out.sizes(), "matrix product: ", addend.sizes(), " added to ",
              shape);
  if (out.numel() == 0) return out;

  const auto* first = static_cast<const char*>(rows.const_data_ptr());
  const int64_t row_bytes = features * static_cast<int64_t>(x.element_size());
  Run({.scalar = ScalarOf(x),
       .rows = nullptr,
       .row_count = x.numel() / features,
       .taps = 1,
       .features = features,
       .weight = matrix.const_data_ptr(),
       .first_column = 0,
       .column_count = 0,
       .columns = shape.back(),
       .bias = DataOrNull(bias),
       .gated = gated,
       .addend = DataOrNull(added),
       .out = out.mutable_data_ptr(),
       .scratch = nullptr},
      [first, row_bytes](int64_t row, int64_t /*tap*/) -> const void* { return first + row * row_bytes; });
  return out;
}

// For each position of the window along one axis and each tap, the source pixel, or -1 outside.
std::vector<int64_t> SourcePixels(int64_t size, int64_t enlarged, int64_t outputs, int64_t taps, int64_t stride,
                                  int64_t padding) {
  const float scale = static_cast<float>(size) / static_cast<float>(enlarged);  // as at::upsample_nearest2d rounds it
  std::vector<int64_t> source;
  for (int64_t o = 0; o < outputs; ++o) {
    for (int64_t tap = 0; tap < taps; ++tap) {
      const int64_t at = o * stride + tap - padding;
      const bool inside = at >= 0 && at < enlarged;
      const auto nearest = static_cast<int64_t>(std::floor(static_cast<float>(at) * scale));
      source.push_back(inside ? std::min(nearest, size - 1) : -1);
    }
  }
  return source;
}

at::Tensor OurConv2d(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const ConvOptions& options,
                     const at::Tensor& addend) {
  constexpr auto kOrder = at::MemoryFormat::ChannelsLast;
  const at::Tensor map = x.contiguous(kOrder);          // [B, in, H, W]
  const at::Tensor kernel = weight.contiguous(kOrder);  // [out, in, k, k]
  const at::Tensor added = addend.defined() ? addend.contiguous(kOrder) : addend;
  const int64_t height = x.size(2), width = x.size(3), features = x.size(1), k = weight.size(2);
  TORCH_CHECK(weight.size(1) == features, "convolution: ", x.sizes(), " by ", weight.sizes());
  const int64_t tall = options.enlarged_height > 0 ? options.enlarged_height : height;
  const int64_t wide = options.enlarged_width > 0 ? options.enlarged_width : width;
  const int64_t before = options.pad_bottom_right_only ? 0 : options.padding;
  const int64_t after = options.pad_bottom_right_only ? 1 : options.padding;
  const int64_t out_height = (tall + before + after - k) / options.stride + 1;
  const int64_t out_width = (wide + before + after - k) / options.stride + 1;
  TORCH_CHECK(tall + before + after >= k && wide + before + after >= k,
              "convolution: the map is smaller than the window");
  const std::vector<int64_t> ys = SourcePixels(height, tall, out_height, k, options.stride, before);
  const std::vector<int64_t> xs = SourcePixels(width, wide, out_width, k, options.stride, before);
  const int64_t row_bytes = features * static_cast<int64_t>(x.element_size());
  const std::vector<char> zeros(static_cast<size_t>(row_bytes));

  at::Tensor out = at::empty({x.size(0), weight.size(0), out_height, out_width}, x.options().memory_format(kOrder));
  TORCH_CHECK(!added.defined() || added.sizes() == out.sizes(), "convolution: ", addend.sizes(), " added to ",
              out.sizes());
  if (out.numel() == 0) return out;
  const auto* first = static_cast<const char*>(map.const_data_ptr());
  Run({.scalar = ScalarOf(x),
       .rows = nullptr,
       .row_count = x.size(0) * out_height * out_width,
       .taps = k * k,
       .features = features,
       .weight = kernel.const_data_ptr(),
       .first_column = 0,
       .column_count = 0,
       .columns = weight.size(0),
       .bias = DataOrNull(bias),
       .gated = false,
       .addend = DataOrNull(added),
       .out = out.mutable_data_ptr(),
       .scratch = nullptr},
      [&](int64_t row, int64_t tap) -> const void* {
        const int64_t image = row / (out_height * out_width);
        const int64_t y = ys[static_cast<size_t>(row / out_width % out_height * k + tap / k)];
        const int64_t at_x = xs[static_cast<size_t>(row % out_width * k + tap % k)];
        if (y < 0 || at_x < 0) return zeros.data();
        return first + ((image * height + y) * width + at_x) * row_bytes;
      });
  return out;
}

}  // namespace

at::Tensor Linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const at::Tensor& addend) {
  const at::Tensor matrix = weight.flatten(1);
  if (!LeaveProductToLibTorch(x)) return OurLinear(x, matrix, bias, addend, /*gated=*/false);
  at::Tensor out = at::linear(x, matrix, bias);
  return addend.defined() ? out.add_(addend) : out;
}

at::Tensor GatedLinear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias) {
  if (!LeaveProductToLibTorch(x)) return OurLinear(x, weight, bias, {}, /*gated=*/true);
  return Geglu(at::linear(x, weight, bias));
}

at::Tensor Conv2d(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const ConvOptions& options,
                  const at::Tensor& addend) {
  if (!LeaveProductToLibTorch(x)) return OurConv2d(x, weight, bias, options, addend);
  at::Tensor map = x;
  if (options.enlarged_height > 0) {
    map = at::upsample_nearest2d(map, {options.enlarged_height, options.enlarged_width});
  }
  if (options.pad_bottom_right_only) map = at::constant_pad_nd(map, {0, 1, 0, 1});
  const int64_t padding = options.pad_bottom_right_only ? 0 : options.padding;
  at::Tensor out = at::conv2d(map, weight, bias, {options.stride, options.stride}, {padding, padding});
  return addend.defined() ? out.add_(addend) : out;
}

}  // namespace latentd::model::kernels
