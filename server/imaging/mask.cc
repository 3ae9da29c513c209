#include "server/imaging/mask.h"

#include <cstddef>
#include <cstdint>

namespace latentd::imaging {

Plane ToGrey(const Picture& picture) {
  Plane grey{.width = picture.width, .height = picture.height, .values = {}};
  grey.values.reserve(picture.rgb.size() / 3);
  for (size_t i = 0; i + 2 < picture.rgb.size(); i += 3) {
    const uint8_t* rgb = picture.rgb.data() + i;
    // 0.299, 0.587 and 0.114 times 65536, and half for rounding; together white stays white.
    grey.values.push_back(static_cast<uint8_t>((rgb[0] * 19595 + rgb[1] * 38470 + rgb[2] * 7471 + 0x8000) >> 16));
  }
  return grey;
}

Plane ToMask(const Picture& picture) {
  Plane mask = ToGrey(picture);
  for (uint8_t& value : mask.values) value = value >= 128 ? 255 : 0;  // 127 / 255 < 0.5 < 128 / 255
  return mask;
}

}  // namespace latentd::imaging
