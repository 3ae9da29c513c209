#include "server/imaging/fit.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "absl/strings/str_format.h"

namespace latentd::imaging {
namespace {

// round_down(length × to / from), at least 1. An edge of 32 bits times another fits.
int Scaled(int length, int to, int from) { return static_cast<int>(std::max<int64_t>(int64_t{length} * to / from, 1)); }

// Whether the wanted shape is wider than the picture's.
bool WantsWider(const Picture& picture, int width, int height) {
  return int64_t{width} * picture.height > int64_t{picture.width} * height;
}

bool WantsNarrower(const Picture& picture, int width, int height) {
  return int64_t{width} * picture.height < int64_t{picture.width} * height;
}

Picture Crop(const Picture& picture, int width, int height, Filter filter) {
  const bool wider = WantsWider(picture, width, height);
  const int covering_width = wider ? width : Scaled(picture.width, height, picture.height);
  const int covering_height = wider ? Scaled(picture.height, width, picture.width) : height;
  return ResampleWindow(picture,
                        {.begin = 0,
                         .end = double(picture.width),
                         .size = covering_width,
                         .first = covering_width / 2 - width / 2,
                         .count = width},
                        {.begin = 0,
                         .end = double(picture.height),
                         .size = covering_height,
                         .first = covering_height / 2 - height / 2,
                         .count = height},
                        filter);
}

// The line that continues a picture beyond one of its edges: bicubic weights of the place `at`, 0 or the far edge.
Axis EdgeAt(int at) { return {.begin = double(at), .end = double(at), .size = 1, .first = 0, .count = 1}; }

Axis All(int length) { return {.begin = 0, .end = double(length), .size = length, .first = 0, .count = length}; }

// `middle`, narrower than wanted, between columns of its edges' colours.
Picture PadSides(const Picture& middle, int width) {
  const Picture left = ResampleWindow(middle, EdgeAt(0), All(middle.height), Filter::kBicubic);
  const Picture right = ResampleWindow(middle, EdgeAt(middle.width), All(middle.height), Filter::kBicubic);
  const int before = width / 2 - middle.width / 2;
  const int after = width - before - middle.width;
  Picture out{.width = width, .height = middle.height, .rgb = {}};
  out.rgb.reserve(size_t{3} * static_cast<size_t>(width) * static_cast<size_t>(middle.height));
  for (ptrdiff_t y = 0; y < middle.height; ++y) {
    const auto row = middle.rgb.begin() + y * 3 * middle.width;
    for (int i = 0; i < before; ++i)
      out.rgb.insert(out.rgb.end(), left.rgb.begin() + 3 * y, left.rgb.begin() + 3 * y + 3);
    out.rgb.insert(out.rgb.end(), row, row + ptrdiff_t{3} * middle.width);
    for (int i = 0; i < after; ++i)
      out.rgb.insert(out.rgb.end(), right.rgb.begin() + 3 * y, right.rgb.begin() + 3 * y + 3);
  }
  return out;
}

// The same above and below.
Picture PadEnds(const Picture& middle, int height) {
  const Picture top = ResampleWindow(middle, All(middle.width), EdgeAt(0), Filter::kBicubic);
  const Picture bottom = ResampleWindow(middle, All(middle.width), EdgeAt(middle.height), Filter::kBicubic);
  const int before = height / 2 - middle.height / 2;
  const int after = height - before - middle.height;
  Picture out{.width = middle.width, .height = height, .rgb = {}};
  out.rgb.reserve(size_t{3} * static_cast<size_t>(middle.width) * static_cast<size_t>(height));
  for (int i = 0; i < before; ++i) out.rgb.insert(out.rgb.end(), top.rgb.begin(), top.rgb.end());
  out.rgb.insert(out.rgb.end(), middle.rgb.begin(), middle.rgb.end());
  for (int i = 0; i < after; ++i) out.rgb.insert(out.rgb.end(), bottom.rgb.begin(), bottom.rgb.end());
  return out;
}

Picture Pad(const Picture& picture, int width, int height, Filter filter) {
  if (WantsWider(picture, width, height)) {
    return PadSides(Resample(picture, Scaled(picture.width, height, picture.height), height, filter), width);
  }
  if (WantsNarrower(picture, width, height)) {
    return PadEnds(Resample(picture, width, Scaled(picture.height, width, picture.width), filter), height);
  }
  return Resample(picture, width, height, filter);
}

}  // namespace

absl::StatusOr<Picture> FitTo(Picture picture, int width, int height, Fit fit, Filter filter) {
  if (width <= 0 || height <= 0) {
    return absl::InvalidArgumentError(absl::StrFormat("no picture has %dx%d pixels", width, height));
  }
  if (picture.width == width && picture.height == height) return picture;
  switch (fit) {
    case Fit::kStretch:
      return Resample(picture, width, height, filter);
    case Fit::kCrop:
      return Crop(picture, width, height, filter);
    case Fit::kPad:
      return Pad(picture, width, height, filter);
    case Fit::kRefuse:
      break;
  }
  return absl::InvalidArgumentError(absl::StrFormat("the image is %dx%d pixels, the request wants %dx%d", picture.width,
                                                    picture.height, width, height));
}

}  // namespace latentd::imaging
