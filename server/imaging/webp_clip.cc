#include <webp/encode.h>
#include <webp/mux.h>

#include <memory>

#include "absl/strings/str_cat.h"
#include "server/imaging/clip_formats.h"

namespace latentd::imaging {
namespace {

template <auto Delete>
struct Deleter {
  template <typename T>
  void operator()(T* object) const {
    Delete(object);
  }
};
using AnimEncoder = std::unique_ptr<WebPAnimEncoder, Deleter<WebPAnimEncoderDelete>>;
using Mux = std::unique_ptr<WebPMux, Deleter<WebPMuxDelete>>;

// Frees what libwebp allocated in it.
struct Data {
  WebPData data{};
  Data() = default;
  Data(const Data&) = delete;
  Data& operator=(const Data&) = delete;
  ~Data() { WebPDataClear(&data); }
};

absl::Status Failed(const std::string& what) { return absl::InternalError(absl::StrCat("libwebp: ", what)); }

absl::Status AddFrame(WebPAnimEncoder* encoder, const Picture& frame, int milliseconds, const WebPConfig& config) {
  WebPPicture picture;
  if (!WebPPictureInit(&picture)) return Failed("another version than it was compiled for");
  const std::unique_ptr<WebPPicture, Deleter<WebPPictureFree>> owner(&picture);
  picture.use_argb = 1;
  picture.width = frame.width;
  picture.height = frame.height;
  if (!WebPPictureImportRGB(&picture, frame.rgb.data(), 3 * frame.width)) return Failed("out of memory");
  if (!WebPAnimEncoderAdd(encoder, &picture, milliseconds, &config)) return Failed(WebPAnimEncoderGetError(encoder));
  return absl::OkStatus();
}

absl::Status SetChunk(WebPMux* mux, const char* type, const std::string& bytes) {
  const WebPData data{reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size()};
  if (WebPMuxSetChunk(mux, type, &data, /*copy_data=*/0) == WEBP_MUX_OK) return absl::OkStatus();
  return Failed(absl::StrCat("the ", type, " chunk was not taken"));
}

}  // namespace

absl::StatusOr<std::string> EncodeWebpClip(std::span<const Picture> frames, const ClipOptions& options,
                                           const std::string& text, const std::string& xmp) {
  const Picture& first = frames[0];
  if (first.width > WEBP_MAX_DIMENSION || first.height > WEBP_MAX_DIMENSION) {
    return absl::InvalidArgumentError(absl::StrCat("WebP takes at most ", WEBP_MAX_DIMENSION, " pixels an edge"));
  }
  WebPAnimEncoderOptions animation;
  WebPConfig config;
  if (!WebPAnimEncoderOptionsInit(&animation) || !WebPConfigInit(&config)) {
    return Failed("another version than it was compiled for");
  }
  animation.anim_params.loop_count = 0;  // for ever
  config.quality = static_cast<float>(options.quality);

  const AnimEncoder encoder(WebPAnimEncoderNew(first.width, first.height, &animation));
  if (encoder == nullptr) return Failed("out of memory");
  const auto at = [&](size_t frame) { return static_cast<int>((frame * 1000 + options.fps / 2) / options.fps); };
  for (size_t i = 0; i < frames.size(); ++i) {
    if (absl::Status status = AddFrame(encoder.get(), frames[i], at(i), config); !status.ok()) return status;
  }
  Data pixels;
  if (!WebPAnimEncoderAdd(encoder.get(), nullptr, at(frames.size()), nullptr) ||  // where the last frame ends
      !WebPAnimEncoderAssemble(encoder.get(), &pixels.data)) {
    return Failed(WebPAnimEncoderGetError(encoder.get()));
  }

  const Mux mux(WebPMuxCreate(&pixels.data, /*copy_data=*/0));
  if (mux == nullptr) return Failed("it does not read what it wrote");
  const std::string exif = ExifUserComment(text);  // outlives its use by `mux`
  for (const auto& [type, bytes] : {std::pair("EXIF", &exif), std::pair("XMP ", &xmp)}) {
    if (absl::Status status = SetChunk(mux.get(), type, *bytes); !status.ok()) return status;
  }
  Data file;
  if (WebPMuxAssemble(mux.get(), &file.data) != WEBP_MUX_OK) return Failed("the file could not be put together");
  return std::string(reinterpret_cast<const char*>(file.data.bytes), file.data.size);
}

}  // namespace latentd::imaging
