#include <cstdint>
#include <string_view>

#include "server/imaging/containers.h"

namespace latentd::imaging {
namespace {

constexpr size_t kRiffHeader = 12;  // "RIFF", size, "WEBP"

void AppendLittleEndian(std::string& out, uint32_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out += static_cast<char>(value >> (8 * i) & 0xFF);
}

void AppendChunk(std::string& out, std::string_view type, const std::string& data) {
  out.append(type);
  AppendLittleEndian(out, static_cast<uint32_t>(data.size()), 4);
  out += data;
  if (data.size() % 2 != 0) out += '\0';
}

}  // namespace

absl::StatusOr<std::string> InsertIntoWebp(const std::string& file, int width, int height, const std::string& exif,
                                           const std::string& xmp) {
  if (file.size() < kRiffHeader || file.compare(0, 4, "RIFF") != 0 || file.compare(8, 8, "WEBPVP8 ") != 0) {
    return absl::InvalidArgumentError("not a WebP file in the simple lossy format");
  }
  constexpr uint32_t kHasXmp = 0x04, kHasExif = 0x08;
  std::string header;
  AppendLittleEndian(header, kHasXmp | (exif.empty() ? 0 : kHasExif), 4);
  AppendLittleEndian(header, static_cast<uint32_t>(width - 1), 3);
  AppendLittleEndian(header, static_cast<uint32_t>(height - 1), 3);

  std::string chunks = "WEBP";
  AppendChunk(chunks, "VP8X", header);
  chunks.append(file, kRiffHeader);
  if (!exif.empty()) AppendChunk(chunks, "EXIF", exif);
  AppendChunk(chunks, "XMP ", xmp);

  std::string out = "RIFF";
  AppendLittleEndian(out, static_cast<uint32_t>(chunks.size()), 4);
  return out + chunks;
}

}  // namespace latentd::imaging
