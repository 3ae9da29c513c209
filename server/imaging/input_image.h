#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/core/generation_request.h"
#include "server/imaging/picture.h"

namespace latentd::imaging {

// What a file from outside may cost. Decoding takes three bytes a pixel, and up to eight more while a progressive JPEG
// is read.
struct InputLimits {
  size_t max_bytes = size_t{32} << 20;
  int64_t max_pixels = int64_t{1} << 25;  // 8192 × 4096
  int max_edge = 16384;
};

// What a file's header says.
struct ImageInfo {
  core::ImageFormat format = core::ImageFormat::kPng;
  // Of the picture as DecodeImage gives it, upright.
  int width = 0;
  int height = 0;
  int orientation = 1;  // EXIF's: how the stored picture is turned
};

// Looks at a PNG, JPEG or WebP file, recognised by its content, without decoding it: cheap, and nothing is allocated by
// the sizes that it claims. INVALID_ARGUMENT, with what is wrong: not one of these formats, beyond a limit, or cut off
// as far as the headers tell (the ends of a PNG's and a WebP's file are known, a JPEG's is not). Thread-safe.
absl::StatusOr<ImageInfo> InspectImage(std::string_view file, const InputLimits& limits);

// The picture in 8-bit RGB, as diffusers' load_image makes it with Pillow 13: exif_transpose (the orientation from
// EXIF, or from XMP when EXIF says nothing), then convert("RGB"). Alpha and colour profiles are dropped, CMYK becomes
// RGB without a profile, grey of 16 bits is clipped to 255, and of an animation the first frame is taken. What
// InspectImage refuses is refused before decoding; a file that is cut off or damaged is INVALID_ARGUMENT and never half
// a picture. Damage that leaves a well-formed file cannot be seen. Thread-safe; takes milliseconds per megapixel: call
// it on a worker.
absl::StatusOr<Picture> DecodeImage(std::string_view file, const InputLimits& limits);

// White where the picture is wholly transparent, black elsewhere; turned as DecodeImage turns it. INVALID_ARGUMENT also
// for a file that is no PNG, or a PNG without transparency. Otherwise as DecodeImage.
absl::StatusOr<Picture> DecodeTransparency(std::string_view file, const InputLimits& limits);

}  // namespace latentd::imaging
