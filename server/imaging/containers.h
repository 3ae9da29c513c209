#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace latentd::imaging {

// Putting metadata into the files that the codecs made. INVALID_ARGUMENT: `file` is not of the format, or a block is
// too large for it.

// Text chunks (keyword, UTF-8 text) in front of the pixels: tEXt where Latin-1 is enough, else iTXt, which is also what
// XMP's keyword "XML:com.adobe.xmp" wants. PNG specification, third edition, section 11.3.3.
absl::StatusOr<std::string> InsertIntoPng(const std::string& file,
                                          const std::vector<std::pair<std::string, std::string>>& texts);

// The largest `exif` and `xmp` that a JPEG takes.
constexpr size_t kMaxJpegExif = 65533 - 6;
constexpr size_t kMaxJpegXmp = 65533 - 29;

// An EXIF block (left out when empty) and an XMP packet, as APP1 segments behind the JFIF header.
absl::StatusOr<std::string> InsertIntoJpeg(const std::string& file, const std::string& exif, const std::string& xmp);

// The same as chunks of the extended file format. REQUIRES: the picture has no alpha channel. RFC 9649, section 2.7.
absl::StatusOr<std::string> InsertIntoWebp(const std::string& file, int width, int height, const std::string& exif,
                                           const std::string& xmp);

}  // namespace latentd::imaging
