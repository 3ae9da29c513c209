#pragma once

#include <span>
#include <string>

#include "absl/status/statusor.h"
#include "server/imaging/clip.h"

namespace latentd::imaging {

// One function for each format, for EncodeClip, which has checked the frames and the numbers. `text` is
// ParametersText's, `xmp` an XmpPacket with the parameters.
absl::StatusOr<std::string> EncodeWebpClip(std::span<const Picture> frames, const ClipOptions& options,
                                           const std::string& text, const std::string& xmp);
absl::StatusOr<std::string> EncodeGifClip(std::span<const Picture> frames, const ClipOptions& options,
                                          const std::string& text, const std::string& xmp);
absl::StatusOr<std::string> EncodeMp4Clip(std::span<const Picture> frames, const ClipOptions& options,
                                          const std::string& text, const std::string& xmp);

}  // namespace latentd::imaging
