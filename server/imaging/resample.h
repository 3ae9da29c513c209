#pragma once

#include "server/imaging/picture.h"

namespace latentd::imaging {

// How source pixels are weighted. The numbers are those of Pillow's Image.Resampling, which models' image processors
// have in their configurations.
enum class Filter { kNearest = 0, kLanczos = 1, kBilinear = 2, kBicubic = 3, kBox = 4 };

// The picture at another size, byte for byte as Pillow 13's Image.resize makes it (reducing_gap not given): a
// horizontal and a vertical pass, each rounded to 8 bits, with weights of 22 fractional bits; the filter widens when it
// shrinks. Older versions of Pillow differ by a grey level where the height shrinks more than the width. Thread-safe.
// REQUIRES: the picture is valid(), width > 0, height > 0.
Picture Resample(const Picture& picture, int width, int height, Filter filter);
Plane Resample(const Plane& plane, int width, int height, Filter filter);

// One axis of a resampling: a stretch of the source, in its pixels, is scaled to `size` pixels, of which `count` are
// made, from `first` on.
struct Axis {
  double begin = 0;
  double end = 0;
  int size = 0;
  int first = 0;
  int count = 0;
};

// A part of a resized picture: the bytes that a crop of the whole would have, without the cost of the whole.
// REQUIRES: picture.valid(); for each axis 0 <= begin <= end <= the source's length, size > 0, first >= 0, count > 0,
// first + count <= size.
Picture ResampleWindow(const Picture& picture, const Axis& x, const Axis& y, Filter filter);

}  // namespace latentd::imaging
