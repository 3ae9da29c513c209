#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "server/imaging/picture.h"

namespace latentd::imaging {

// The readers behind InspectImage and DecodeImage, one for each format. What they read comes from anywhere: each length
// is checked before it is used, and a header is read without allocating by what it says.

struct FileHeader {
  uint64_t width = 0;  // as stored, before any turning; 0 when the file says so
  uint64_t height = 0;
  std::string exif;         // empty: none
  std::string_view xmp;     // likewise; a part of the file
  uint64_t data_bytes = 0;  // PNG: of compressed pixels
  // WebP: the compressed picture, a part of the file; where it lies on the canvas of width × height, and its own size
  // (those of an animation's first frame).
  std::string_view data;
  int frame_x = 0;
  int frame_y = 0;
  int frame_width = 0;
  int frame_height = 0;
};

bool IsPng(std::string_view file);
bool IsJpeg(std::string_view file);
bool IsWebp(std::string_view file);

// INVALID_ARGUMENT: damaged or cut off before all of it was seen; for PNG and WebP also when the file ends too early.
// REQUIRES: the matching Is… .
absl::StatusOr<FileHeader> ReadPngHeader(std::string_view file);
absl::StatusOr<FileHeader> ReadJpegHeader(std::string_view file);
absl::StatusOr<FileHeader> ReadWebpHeader(std::string_view file);

// The picture as stored. INVALID_ARGUMENT: damaged or cut off. REQUIRES: the header is the file's own, and its size has
// been found acceptable.
absl::StatusOr<Picture> DecodePng(std::string_view file, const FileHeader& header);
absl::StatusOr<Picture> DecodeJpeg(std::string_view file, const FileHeader& header);
absl::StatusOr<Picture> DecodeWebp(std::string_view file, const FileHeader& header);

// Of the same file: white where it is wholly transparent, else black. INVALID_ARGUMENT also when it has no
// transparency.
absl::StatusOr<Picture> DecodePngTransparency(std::string_view file, const FileHeader& header);

}  // namespace latentd::imaging
