#include <cstdint>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "server/imaging/clip_formats.h"
#include "server/imaging/ffmpeg.h"

namespace latentd::imaging {
namespace {

// A box for XMP, beside the others. XMP Specification Part 3, section 1.2.7.
std::string XmpBox(const std::string& xmp) {
  constexpr uint8_t kXmp[] = {0xBE, 0x7A, 0xCF, 0xCB, 0x97, 0xA9, 0x42, 0xE8,
                              0x9C, 0x71, 0x99, 0x94, 0x91, 0xE3, 0xAF, 0xAC};
  const size_t size = 8 + sizeof(kXmp) + xmp.size();
  std::string box;
  for (int shift = 24; shift >= 0; shift -= 8) box += static_cast<char>(size >> shift & 0xFF);
  box += "uuid";
  box.append(reinterpret_cast<const char*>(kXmp), sizeof(kXmp));
  return box + xmp;
}

// x264's constant rate factor: 12 is clean, 47 is poor.
double RateFactor(int quality) { return 12 + 0.35 * (100 - quality); }

}  // namespace

absl::StatusOr<std::string> EncodeMp4Clip(std::span<const Picture> frames, const ClipOptions& options,
                                          const std::string& text, const std::string& xmp) {
  if (frames[0].width % 2 != 0 || frames[0].height % 2 != 0) {
    return absl::InvalidArgumentError(
        absl::StrCat("MP4 takes even edges only, not ", frames[0].width, "x", frames[0].height));
  }
  // The index goes to the front, so that players begin before they have the whole: room for it, per frame and for the
  // rest, is set aside.
  const size_t index = 4096 + text.size() + 64 * frames.size();
  absl::StatusOr<std::string> file = EncodeThroughFfmpeg(
      frames, options.fps,
      {.filters = "scale=out_color_matrix=bt709:out_range=tv:flags=bicubic+accurate_rnd+full_chroma_int,format=yuv420p",
       .encoder = "libx264",
       .encoder_options = {{"preset", "medium"},
                           {"crf", absl::StrFormat("%.2f", RateFactor(options.quality))},
                           {"color_range", "tv"},
                           {"colorspace", "bt709"},
                           {"color_primaries", "bt709"},
                           {"color_trc", "bt709"}},
       .muxer = "mp4",
       .muxer_options = {{"moov_size", absl::StrCat(index)}},
       .ticks_per_second = options.fps,
       .comment = text});
  if (!file.ok()) return file;
  return *file + XmpBox(xmp);
}

}  // namespace latentd::imaging
