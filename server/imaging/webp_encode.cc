#include <webp/encode.h>

#include <cstdint>
#include <memory>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/imaging/output_formats.h"

namespace latentd::imaging {

absl::StatusOr<std::string> EncodeWebp(const Picture& picture, int quality) {
  if (picture.width > WEBP_MAX_DIMENSION || picture.height > WEBP_MAX_DIMENSION) {
    return absl::InvalidArgumentError(
        absl::StrCat("cannot encode the picture as WebP: an edge has more than ", WEBP_MAX_DIMENSION, " pixels"));
  }
  uint8_t* bytes = nullptr;
  const size_t size = WebPEncodeRGB(picture.rgb.data(), picture.width, picture.height, 3 * picture.width,
                                    static_cast<float>(quality), &bytes);
  const std::unique_ptr<uint8_t, decltype(&WebPFree)> owned(bytes, WebPFree);
  if (size == 0) return absl::ResourceExhaustedError("cannot encode the picture as WebP: out of memory");
  return std::string(reinterpret_cast<const char*>(bytes), size);
}

}  // namespace latentd::imaging
