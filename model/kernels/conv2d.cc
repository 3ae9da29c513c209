#include "model/kernels/conv2d.h"

#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/conv2d.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/upsample_nearest2d.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "model/kernels/product.h"

namespace latentd::model::kernels {
namespace {

constexpr auto kOrder = at::MemoryFormat::ChannelsLast;

// One axis of a convolution.
struct Axis {
  int64_t size;           // of the map
  int64_t enlarged;       // to this size, before anything else
  int64_t before, after;  // zeros
  int64_t stride;
  int64_t window;

  // 0: the axis is shorter than the window.
  int64_t Outputs() const {
    const int64_t room = enlarged + before + after - window;
    return room < 0 ? 0 : room / stride + 1;
  }

  // The map's pixel at `place` of the enlarged, padded axis; -1: a zero.
  int64_t Source(int64_t place) const {
    const int64_t at = place - before;
    if (at < 0 || at >= enlarged) return -1;
    const float scale = static_cast<float>(size) / static_cast<float>(enlarged);  // as at::upsample_nearest2d rounds it
    return std::min(static_cast<int64_t>(std::floor(static_cast<float>(at) * scale)), size - 1);
  }

  // The sources of every position of the window at `step` apart, [positions][window].
  std::vector<int64_t> Sources(int64_t positions, int64_t step, int64_t width) const {
    std::vector<int64_t> sources;
    for (int64_t i = 0; i < positions; ++i) {
      for (int64_t tap = 0; tap < width; ++tap) sources.push_back(Source(i * step + tap));
    }
    return sources;
  }
};

// The pixels of a batch of channels-last maps.
class Pixels {
 public:
  explicit Pixels(const at::Tensor& map)
      : first_(static_cast<const char*>(map.const_data_ptr())),
        height_(map.size(2)),
        width_(map.size(3)),
        bytes_(map.size(1) * static_cast<int64_t>(map.element_size())),
        zeros_(static_cast<size_t>(bytes_)) {}

  // The features of a pixel; zeros where y or x is negative.
  const void* At(int64_t image, int64_t y, int64_t x) const {
    return y < 0 || x < 0 ? zeros_.data() : first_ + ((image * height_ + y) * width_ + x) * bytes_;
  }

 private:
  const char* const first_;
  const int64_t height_, width_;
  const int64_t bytes_;
  const std::vector<char> zeros_;
};

// One convolution on the CPU, everything channels-last.
struct Convolution {
  at::Tensor map, kernel, bias, addend, out;
  Axis vertical, horizontal;
};

void RunDirect(const Convolution& conv) {
  const Pixels pixels(conv.map);
  const int64_t k = conv.vertical.window, height = conv.out.size(2), width = conv.out.size(3);
  const std::vector<int64_t> ys = conv.vertical.Sources(height, conv.vertical.stride, k);
  const std::vector<int64_t> xs = conv.horizontal.Sources(width, conv.horizontal.stride, k);
  RunProduct({.scalar = ScalarOf(conv.map),
              .rows = nullptr,
              .row_count = conv.out.size(0) * height * width,
              .taps = k * k,
              .features = conv.map.size(1),
              .weight = conv.kernel.const_data_ptr(),
              .first_column = 0,
              .column_count = 0,
              .columns = conv.kernel.size(0),
              .bias = DataOrNull(conv.bias),
              .gated = false,
              .addend = DataOrNull(conv.addend),
              .out = conv.out.mutable_data_ptr(),
              .scratch = nullptr},
             [&](int64_t row, int64_t tap) {
               const int64_t y = ys[static_cast<size_t>(row / width % height * k + tap / k)];
               const int64_t x = xs[static_cast<size_t>(row % width * k + tap % k)];
               return pixels.At(row / (height * width), y, x);
             });
}

// Transforming pixels and weights pays on large maps of many features. Only what is the same for every batch may
// decide.
bool WorthTransforming(const Convolution& conv) {
  constexpr int64_t kMinPixels = 256;
  constexpr int64_t kMinFeatures = 16;
  return conv.vertical.window == 3 && conv.vertical.stride == 1 && conv.map.size(1) >= kMinFeatures &&
         conv.out.size(2) * conv.out.size(3) >= kMinPixels;
}

void RunWinograd(const Convolution& conv) {
  constexpr int64_t kEdge = 2, kWindow = 4;  // results and pixels of a tile, along one axis
  const Pixels pixels(conv.map);
  const int64_t height = conv.out.size(2), width = conv.out.size(3), columns = conv.kernel.size(0);
  const int64_t tall = (height + 1) / kEdge, wide = (width + 1) / kEdge;  // in tiles
  const std::vector<int64_t> ys = conv.vertical.Sources(tall, kEdge, kWindow);
  const std::vector<int64_t> xs = conv.horizontal.Sources(wide, kEdge, kWindow);
  const int64_t tiles = conv.out.size(0) * tall * wide;
  const int64_t products = tiles * kWindow * kWindow * columns * conv.map.size(1);
  const PartitionOptions options{.rows = tiles,
                                 .columns = columns,
                                 .max_rows = 1056,
                                 .max_columns = 64,
                                 .row_step = 6,
                                 .column_step = 64,
                                 .threads = ThreadsFor(products)};
  ForEachBlock(options, [&](const Block& part) {
    std::vector<const void*> sources;
    std::vector<int64_t> results;
    for (int64_t tile = part.first_row; tile < part.first_row + part.rows; ++tile) {
      const int64_t image = tile / (tall * wide), y = tile / wide % tall, x = tile % wide;
      for (int64_t p = 0; p < kWindow * kWindow; ++p) {
        sources.push_back(pixels.At(image, ys[static_cast<size_t>(y * kWindow + p / kWindow)],
                                    xs[static_cast<size_t>(x * kWindow + p % kWindow)]));
      }
      for (int64_t r = 0; r < kEdge * kEdge; ++r) {
        const int64_t to_y = y * kEdge + r / kEdge, to_x = x * kEdge + r % kEdge;
        results.push_back(to_y < height && to_x < width ? (image * height + to_y) * width + to_x : -1);
      }
    }
    Kernels().winograd({.scalar = ScalarOf(conv.map),
                        .pixels = sources.data(),
                        .results = results.data(),
                        .tile_count = part.rows,
                        .features = conv.map.size(1),
                        .weight = conv.kernel.const_data_ptr(),
                        .first_column = part.first_column,
                        .column_count = part.columns,
                        .columns = columns,
                        .bias = DataOrNull(conv.bias),
                        .addend = DataOrNull(conv.addend),
                        .out = conv.out.mutable_data_ptr(),
                        .scratch = Scratch(Kernels().winograd_scratch(conv.map.size(1), part.columns))});
  });
}

at::Tensor OurConv2d(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const ConvOptions& options,
                     const at::Tensor& addend) {
  const auto axis = [&](int64_t size, int64_t enlarged) {
    return Axis{.size = size,
                .enlarged = enlarged > 0 ? enlarged : size,
                .before = options.pad_bottom_right_only ? 0 : options.padding,
                .after = options.pad_bottom_right_only ? 1 : options.padding,
                .stride = options.stride,
                .window = weight.size(2)};
  };
  Convolution conv{.map = x.contiguous(kOrder),          // [B, in, H, W]
                   .kernel = weight.contiguous(kOrder),  // [out, in, k, k]
                   .bias = bias,
                   .addend = addend.defined() ? addend.contiguous(kOrder) : addend,
                   .out = {},
                   .vertical = axis(x.size(2), options.enlarged_height),
                   .horizontal = axis(x.size(3), options.enlarged_width)};
  TORCH_CHECK(weight.size(1) == x.size(1), "convolution: ", x.sizes(), " by ", weight.sizes());
  const int64_t height = conv.vertical.Outputs(), width = conv.horizontal.Outputs();
  TORCH_CHECK(height > 0 && width > 0, "convolution: the map is smaller than the window");
  conv.out = at::empty({x.size(0), weight.size(0), height, width}, x.options().memory_format(kOrder));
  TORCH_CHECK(!addend.defined() || addend.sizes() == conv.out.sizes(), "convolution: ", addend.sizes(), " added to ",
              conv.out.sizes());
  if (conv.out.numel() == 0) return conv.out;
  WorthTransforming(conv) ? RunWinograd(conv) : RunDirect(conv);
  return conv.out;
}

}  // namespace

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
