#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace latentd::imaging {

// 8-bit RGB, row by row from the top, three bytes a pixel and nothing between rows.
struct Picture {
  int width = 0;
  int height = 0;
  std::vector<uint8_t> rgb;  // width × height × 3

  bool valid() const {
    return width > 0 && height > 0 &&
           rgb.size() == size_t{3} * static_cast<size_t>(width) * static_cast<size_t>(height);
  }
};

// One 8-bit channel, laid out likewise: a grey picture, or a mask.
struct Plane {
  int width = 0;
  int height = 0;
  std::vector<uint8_t> values;  // width × height

  bool valid() const {
    return width > 0 && height > 0 && values.size() == static_cast<size_t>(width) * static_cast<size_t>(height);
  }
};

// Makes the longer edge `max_edge` pixels by averaging areas, keeping the shape (the shorter edge is at least 1).
// A picture that is small enough already, or max_edge 0, comes back as it is. REQUIRES: picture.valid().
Picture Downscale(Picture picture, int max_edge);

}  // namespace latentd::imaging
