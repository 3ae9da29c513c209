#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "server/core/clip.h"
#include "server/imaging/metadata.h"
#include "server/imaging/picture.h"

namespace latentd::imaging {

// How frames become one file.
struct ClipOptions {
  core::ClipFormat format = core::ClipFormat::kWebp;
  int fps = 8;       // frames a second, 1 to core::kMaxFps (GIF: core::kMaxGifFps)
  int quality = 90;  // 1 to 100; means nothing for GIF, whose loss is its 256 colours
};

// "image/webp", "image/gif", "video/mp4".
std::string MediaType(core::ClipFormat format);

// The frames as a file that plays them, with its parameters inside and marked as machine-made (XMP):
//   WebP  lossy, repeated for ever; EXIF UserComment and XMP, as a picture has them
//   GIF   one palette fitted to the whole clip, dithered, repeated for ever; a comment and XMP
//   MP4   H.264, 4:2:0, BT.709, moov first; a comment and XMP. Even edges only
// The same input gives the same bytes.
// INVALID_ARGUMENT: no frame, frames of several sizes or not valid(), numbers out of range, edges that the format does
// not take. UNIMPLEMENTED: MP4 where FFmpeg was built without libx264.
// Thread-safe; takes up to seconds: call it on a worker, not on the engine's thread.
absl::StatusOr<std::string> EncodeClip(std::span<const Picture> frames, const ClipOptions& options,
                                       const Metadata& metadata);

}  // namespace latentd::imaging
