#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "server/imaging/picture.h"

namespace latentd::imaging {

// The writers behind Encode, one for each format: the pixels alone, in the plainest form of file. INVALID_ARGUMENT: the
// format has no room for the picture. REQUIRES: picture.valid(); `quality` is 1 to 100.
absl::StatusOr<std::string> EncodePng(const Picture& picture);
absl::StatusOr<std::string> EncodeJpeg(const Picture& picture, int quality);
absl::StatusOr<std::string> EncodeWebp(const Picture& picture, int quality);

}  // namespace latentd::imaging
