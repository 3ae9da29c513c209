#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "server/core/generation_request.h"
#include "server/imaging/metadata.h"
#include "server/imaging/picture.h"

namespace latentd::imaging {

// "image/png", "image/jpeg", "image/webp", "application/x-safetensors".
std::string MediaType(core::ImageFormat format);

// The picture as a file with its parameters inside:
//   PNG   chunks `parameters` and `latentd` (JSON), and XMP; lossless
//   JPEG  EXIF UserComment with the text of `parameters`, and XMP with the JSON
//   WebP  the same; lossy
// Latents have a function of their own (EncodeLatent). `quality` is 1 to 100 and means nothing for PNG.
// INVALID_ARGUMENT: a picture that is not valid() or too large for the format (WebP: 16383 pixels an edge).
// Thread-safe; takes milliseconds: call it on a worker, not on the engine's thread.
absl::StatusOr<std::string> Encode(const Picture& picture, core::ImageFormat format, int quality,
                                   const Metadata& metadata);

// The same without parameters; marked as machine-made like the rest.
absl::StatusOr<std::string> EncodePreview(const Picture& picture, core::ImageFormat format, int quality,
                                          const std::string& software);

}  // namespace latentd::imaging
