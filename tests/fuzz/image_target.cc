#include "server/imaging/fit.h"
#include "server/imaging/input_image.h"
#include "server/imaging/mask.h"
#include "tests/fuzz/fuzz_targets.h"
#include "tests/fuzz/require.h"

namespace latentd::imaging {

using model::Require;

void FuzzImage(std::string_view bytes) {
  // Small, so that the time goes into the readers.
  constexpr InputLimits kLimits{.max_bytes = 1 << 20, .max_pixels = 1 << 16, .max_edge = 1 << 12};
  const auto info = InspectImage(bytes, kLimits);
  const auto picture = DecodeImage(bytes, kLimits);
  if (!info.ok()) {
    Require(picture.status() == info.status(), "what is refused at a glance is refused for the same reason");
    Require(info.status().code() == absl::StatusCode::kInvalidArgument, "a bad file is the caller's fault");
    Require(!info.status().message().empty(), "an error says what is wrong");
    return;
  }
  Require(info->width > 0 && info->width <= kLimits.max_edge, "the width is within the limits");
  Require(info->height > 0 && info->height <= kLimits.max_edge, "the height is within the limits");
  Require(int64_t{info->width} * info->height <= kLimits.max_pixels, "the pixels are within the limits");
  if (!picture.ok()) {
    Require(picture.status().code() == absl::StatusCode::kInvalidArgument, "a damaged file is the caller's fault");
    return;
  }
  Require(picture->valid(), "a picture is whole");
  Require(picture->width == info->width && picture->height == info->height, "a picture has the size that was seen");
  for (const Fit fit : {Fit::kStretch, Fit::kCrop, Fit::kPad}) {
    const auto fitted = FitTo(*picture, 24, 16, fit);
    Require(fitted.ok() && fitted->valid() && fitted->width == 24 && fitted->height == 16, "a picture fits any size");
    Require(ToMask(*fitted).valid(), "a mask is whole");
  }
}

}  // namespace latentd::imaging
