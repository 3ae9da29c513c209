#include "server/imaging/clip.h"

#include "absl/strings/str_cat.h"
#include "server/imaging/clip_formats.h"

namespace latentd::imaging {
namespace {

absl::Status Check(std::span<const Picture> frames, const ClipOptions& options) {
  if (frames.empty()) return absl::InvalidArgumentError("a clip without frames");
  for (const Picture& frame : frames) {
    if (!frame.valid()) return absl::InvalidArgumentError("a frame's size and its bytes do not agree");
    if (frame.width != frames[0].width || frame.height != frames[0].height) {
      return absl::InvalidArgumentError(absl::StrCat("frames of ", frames[0].width, "x", frames[0].height, " and ",
                                                     frame.width, "x", frame.height, " in one clip"));
    }
  }
  const int most = options.format == core::ClipFormat::kGif ? core::kMaxGifFps : core::kMaxFps;
  if (options.fps < 1 || options.fps > most) {
    return absl::InvalidArgumentError(absl::StrCat(options.fps, " frames a second are not from 1 to ", most));
  }
  if (options.quality < 1 || options.quality > 100) {
    return absl::InvalidArgumentError("the quality is not from 1 to 100");
  }
  return absl::OkStatus();
}

}  // namespace

std::string MediaType(core::ClipFormat format) {
  switch (format) {
    case core::ClipFormat::kWebp:
      return "image/webp";
    case core::ClipFormat::kGif:
      return "image/gif";
    case core::ClipFormat::kMp4:
      return "video/mp4";
  }
  return "";
}

absl::StatusOr<std::string> EncodeClip(std::span<const Picture> frames, const ClipOptions& options,
                                       const Metadata& metadata) {
  if (absl::Status status = Check(frames, options); !status.ok()) return status;
  const std::string text = ParametersText(metadata);
  const std::string xmp = XmpPacket(metadata.software, ParametersJson(metadata));
  switch (options.format) {
    case core::ClipFormat::kWebp:
      return EncodeWebpClip(frames, options, text, xmp);
    case core::ClipFormat::kGif:
      return EncodeGifClip(frames, options, text, xmp);
    case core::ClipFormat::kMp4:
      return EncodeMp4Clip(frames, options, text, xmp);
  }
  return absl::InvalidArgumentError("an unknown format");
}

}  // namespace latentd::imaging
