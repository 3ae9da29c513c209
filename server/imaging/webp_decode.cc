#include <webp/decode.h>

#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "server/imaging/input_formats.h"

namespace latentd::imaging {
namespace {

const char* Explain(VP8StatusCode status) {
  switch (status) {
    case VP8_STATUS_NOT_ENOUGH_DATA:
      return "it is cut off";
    case VP8_STATUS_OUT_OF_MEMORY:
      return "it needs too much memory";
    default:
      return "it is damaged";
  }
}

absl::Status Damaged(const char* why) {
  return absl::InvalidArgumentError(absl::StrCat("the WebP file cannot be decoded: ", why));
}

}  // namespace

absl::StatusOr<Picture> DecodeWebp(std::string_view, const FileHeader& header) {
  const auto* data = reinterpret_cast<const uint8_t*>(header.data.data());
  WebPDecoderConfig config;
  if (WebPInitDecoderConfig(&config) == 0) return absl::InternalError("libwebp is of another version");
  VP8StatusCode status = WebPGetFeatures(data, header.data.size(), &config.input);
  if (status != VP8_STATUS_OK) return Damaged(Explain(status));
  if (config.input.width != header.frame_width || config.input.height != header.frame_height) {
    return Damaged("it has two sizes");
  }
  Picture picture{.width = static_cast<int>(header.width), .height = static_cast<int>(header.height), .rgb = {}};
  // Black where a frame leaves the canvas free: Pillow's is transparent there, and drops the alpha.
  picture.rgb.resize(size_t{3} * static_cast<size_t>(picture.width) * static_cast<size_t>(picture.height));
  const size_t start = size_t{3} * (static_cast<size_t>(header.frame_y) * static_cast<size_t>(picture.width) +
                                    static_cast<size_t>(header.frame_x));
  config.output.colorspace = MODE_RGB;
  config.output.is_external_memory = 1;
  config.output.u.RGBA.rgba = picture.rgb.data() + start;
  config.output.u.RGBA.stride = 3 * picture.width;
  config.output.u.RGBA.size = picture.rgb.size() - start;
  status = WebPDecode(data, header.data.size(), &config);
  WebPFreeDecBuffer(&config.output);
  if (status != VP8_STATUS_OK) return Damaged(Explain(status));
  return picture;
}

}  // namespace latentd::imaging
