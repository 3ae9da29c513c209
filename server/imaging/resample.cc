#include "server/imaging/resample.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "server/imaging/resample_weights.h"

namespace latentd::imaging {
namespace {

constexpr int32_t kHalf = 1 << (kWeightBits - 1);

uint8_t Round(int32_t sum) { return static_cast<uint8_t>(std::clamp(sum >> kWeightBits, 0, 255)); }

// Rows of interleaved channels, one behind the other.
struct Rows {
  const uint8_t* data;
  size_t width;  // pixels
};

// `count` rows from row `first` on, at the new width.
template <size_t kChannels>
std::vector<uint8_t> Horizontal(Rows in, size_t first, size_t count, const WeightTable& table) {
  std::vector<uint8_t> out(count * table.pixels.size() * kChannels);
  uint8_t* to = out.data();
  for (size_t row = first; row < first + count; ++row) {
    const uint8_t* const line = in.data + row * in.width * kChannels;
    for (const WeightTable::Pixel& pixel : table.pixels) {
      int32_t sums[kChannels];
      std::fill_n(sums, kChannels, kHalf);
      const uint8_t* from = line + pixel.first * kChannels;
      for (const int32_t weight : table.weights_of(pixel)) {
        for (size_t channel = 0; channel < kChannels; ++channel) sums[channel] += from[channel] * weight;
        from += kChannels;
      }
      for (const int32_t sum : sums) *to++ = Round(sum);
    }
  }
  return out;
}

// All of the table's rows; `in` begins with row `offset` of those that it counts.
template <size_t kChannels>
std::vector<uint8_t> Vertical(Rows in, size_t offset, const WeightTable& table) {
  const size_t stride = in.width * kChannels;
  std::vector<uint8_t> out(table.pixels.size() * stride);
  std::vector<int32_t> sums(stride);
  uint8_t* to = out.data();
  for (const WeightTable::Pixel& pixel : table.pixels) {
    std::fill(sums.begin(), sums.end(), kHalf);
    const uint8_t* from = in.data + (pixel.first - offset) * stride;
    for (const int32_t weight : table.weights_of(pixel)) {
      for (size_t i = 0; i < stride; ++i) sums[i] += from[i] * weight;
      from += stride;
    }
    for (const int32_t sum : sums) *to++ = Round(sum);
  }
  return out;
}

// Whether the axis leaves everything as it is.
bool Keeps(const Axis& axis, int length) {
  return axis.begin == 0 && axis.end == length && axis.size == length && axis.count == length;
}

// Which pass comes first shows, since each rounds. Pillow 13's rule, which saves it work; before 13, horizontal always
// was.
bool VerticalFirst(const Axis& x, const Axis& y, int width, int height) {
  const int64_t fewer_rows = int64_t{height} - y.size, fewer_columns = int64_t{width} - x.size;
  return fewer_rows > 0 && fewer_rows > 2 * fewer_columns;
}

template <size_t kChannels>
std::vector<uint8_t> ResampleRows(const std::vector<uint8_t>& source, int width, int height, const Axis& x,
                                  const Axis& y, Filter filter) {
  const bool horizontal = !Keeps(x, width);
  const bool vertical = !Keeps(y, height);
  if (!horizontal && !vertical) return source;
  const Rows all{.data = source.data(), .width = static_cast<size_t>(width)};
  if (!horizontal) return Vertical<kChannels>(all, 0, MakeWeights(y, height, filter));
  const WeightTable columns = MakeWeights(x, width, filter);
  if (!vertical) return Horizontal<kChannels>(all, 0, static_cast<size_t>(height), columns);
  const WeightTable rows = MakeWeights(y, height, filter);
  if (VerticalFirst(x, y, width, height)) {
    const std::vector<uint8_t> lowered = Vertical<kChannels>(all, 0, rows);
    return Horizontal<kChannels>({.data = lowered.data(), .width = all.width}, 0, rows.pixels.size(), columns);
  }
  // Only the rows that the second pass reads.
  const size_t first = rows.pixels.front().first;
  const size_t end = rows.pixels.back().first + rows.pixels.back().count;
  const std::vector<uint8_t> narrowed = Horizontal<kChannels>(all, first, end - first, columns);
  return Vertical<kChannels>({.data = narrowed.data(), .width = columns.pixels.size()}, first, rows);
}

Axis Whole(int length, int size) {
  return {.begin = 0, .end = double(length), .size = size, .first = 0, .count = size};
}

}  // namespace

Picture Resample(const Picture& picture, int width, int height, Filter filter) {
  return ResampleWindow(picture, Whole(picture.width, width), Whole(picture.height, height), filter);
}

Plane Resample(const Plane& plane, int width, int height, Filter filter) {
  return {.width = width,
          .height = height,
          .values = ResampleRows<1>(plane.values, plane.width, plane.height, Whole(plane.width, width),
                                    Whole(plane.height, height), filter)};
}

Picture ResampleWindow(const Picture& picture, const Axis& x, const Axis& y, Filter filter) {
  return {.width = x.count,
          .height = y.count,
          .rgb = ResampleRows<3>(picture.rgb, picture.width, picture.height, x, y, filter)};
}

}  // namespace latentd::imaging
