#pragma once

#include "absl/status/statusor.h"
#include "server/core/input_image.h"
#include "server/imaging/picture.h"
#include "server/imaging/resample.h"

namespace latentd::imaging {

using core::Fit;

// The picture at the wanted size, byte for byte as diffusers 0.42.1's VaeImageProcessor.resize makes it; where that
// fails (a picture so thin that its scaled edge would vanish) or leaves a black line ("fill", odd sizes), the picture
// keeps one pixel and its edge goes on. INVALID_ARGUMENT: the sizes differ and `fit` is kRefuse (names both), or the
// wanted size is not positive. Thread-safe. REQUIRES: picture.valid().
absl::StatusOr<Picture> FitTo(Picture picture, int width, int height, Fit fit, Filter filter = Filter::kLanczos);

}  // namespace latentd::imaging
