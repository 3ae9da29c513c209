#pragma once

#include "absl/status/statusor.h"
#include "server/imaging/picture.h"
#include "server/imaging/resample.h"

namespace latentd::imaging {

// What happens to a picture whose size is not the wanted one (InputImage.Fit of the API).
enum class Fit {
  kStretch,  // to the size, whatever becomes of its shape; diffusers' resize_mode "default"
  kCrop,     // scaled to cover, then cut around the centre; "crop"
  kPad,      // scaled to fit, then continued with its edges' colours; "fill"
  kRefuse,
};

// The picture at the wanted size, byte for byte as diffusers 0.42.1's VaeImageProcessor.resize makes it; where that
// fails (a picture so thin that its scaled edge would vanish) or leaves a black line ("fill", odd sizes), the picture
// keeps one pixel and its edge goes on. INVALID_ARGUMENT: the sizes differ and `fit` is kRefuse (names both), or the
// wanted size is not positive. Thread-safe. REQUIRES: picture.valid().
absl::StatusOr<Picture> FitTo(Picture picture, int width, int height, Fit fit, Filter filter = Filter::kLanczos);

}  // namespace latentd::imaging
