#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"
#include "server/imaging/clip_formats.h"
#include "server/imaging/ffmpeg.h"

namespace latentd::imaging {
namespace {

constexpr int kMaxEdge = 65535;
constexpr char kExtension = 0x21, kComment = '\xFE', kApplication = '\xFF';

// Blocks of at most 255 bytes, each behind its length, and the end of them.
std::string SubBlocks(const std::string& bytes) {
  std::string blocks;
  for (size_t at = 0; at < bytes.size(); at += 255) {
    const size_t size = std::min<size_t>(255, bytes.size() - at);
    blocks += static_cast<char>(size);
    blocks.append(bytes, at, size);
  }
  return blocks + '\0';
}

std::string Comment(const std::string& text) { return std::string{kExtension, kComment} + SubBlocks(text); }

// XMP is not cut into blocks, so that programs find it that know nothing of GIF. Those that know take its bytes for
// lengths and skip; the trailer brings each of them to the end. XMP Specification Part 3, section 1.1.2.
std::string XmpExtension(const std::string& xmp) {
  std::string extension = {kExtension, kApplication, 11};
  absl::StrAppend(&extension, "XMP DataXMP", xmp, "\x01");
  for (int length = 255; length >= 0; --length) extension += static_cast<char>(length);
  return extension + '\0';
}

// Behind the header and the palette. GIF89a specification, section 18.
size_t EndOfHeader(const std::string& file) {
  constexpr size_t kHeader = 13;  // with the logical screen descriptor
  if (file.size() < kHeader) return file.size();
  const auto flags = static_cast<uint8_t>(file[10]);
  const size_t palette = (flags & 0x80) != 0 ? size_t{3} << ((flags & 7) + 1) : 0;
  return std::min(file.size(), kHeader + palette);
}

}  // namespace

absl::StatusOr<std::string> EncodeGifClip(std::span<const Picture> frames, const ClipOptions& options,
                                          const std::string& text, const std::string& xmp) {
  if (frames[0].width > kMaxEdge || frames[0].height > kMaxEdge) {
    return absl::InvalidArgumentError(absl::StrCat("GIF takes at most ", kMaxEdge, " pixels an edge"));
  }
  constexpr int kTicks = 100;
  const int last = kTicks / options.fps;  // how long the last frame stays
  absl::StatusOr<std::string> file =
      EncodeThroughFfmpeg(frames, options.fps,
                          {.filters = "split[pictures][all];[all]palettegen=reserve_transparent=0[palette];"
                                      "[pictures][palette]paletteuse",
                           .encoder = "gif",
                           .muxer = "gif",
                           .muxer_options = {{"loop", "0"}, {"final_delay", absl::StrCat(last)}},
                           .ticks_per_second = kTicks,
                           .comment = ""});
  if (!file.ok()) return file;
  file->insert(EndOfHeader(*file), Comment(text) + XmpExtension(xmp));
  return file;
}

}  // namespace latentd::imaging
