#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "server/imaging/containers.h"
#include "server/imaging/unicode.h"

namespace latentd::imaging {
namespace {

constexpr std::string_view kSignature = "\x89PNG\r\n\x1a\n";
constexpr size_t kHeaderChunk = 4 + 4 + 13 + 4;  // length, type, data and checksum of IHDR, always the first chunk

void Append32(std::string& out, uint32_t value) {
  for (const int shift : {24, 16, 8, 0}) out += static_cast<char>(value >> shift & 0xFF);
}

// CRC-32 of ISO 3309, as annex D of the PNG specification has it.
uint32_t Crc(std::string_view data) {
  static const std::array<uint32_t, 256> table = [] {
    std::array<uint32_t, 256> entries;
    for (uint32_t n = 0; n < 256; ++n) {
      uint32_t c = n;
      for (int bit = 0; bit < 8; ++bit) c = (c & 1) != 0 ? 0xEDB88320u ^ (c >> 1) : c >> 1;
      entries[n] = c;
    }
    return entries;
  }();
  uint32_t crc = 0xFFFFFFFFu;
  for (const char byte : data) crc = table[(crc ^ static_cast<uint8_t>(byte)) & 0xFF] ^ (crc >> 8);
  return ~crc;
}

void AppendChunk(std::string& out, std::string_view type, const std::string& data) {
  Append32(out, static_cast<uint32_t>(data.size()));
  const size_t begin = out.size();
  out.append(type);
  out.append(data);
  Append32(out, Crc(std::string_view(out).substr(begin)));
}

void AppendText(std::string& out, const std::string& keyword, const std::string& text) {
  const std::optional<std::string> latin1 = Utf8ToLatin1(text);
  if (latin1 && keyword != "XML:com.adobe.xmp") {
    AppendChunk(out, "tEXt", keyword + '\0' + *latin1);
  } else {
    // Not compressed (flag and method), no language, no translated keyword.
    AppendChunk(out, "iTXt", keyword + std::string("\0\0\0\0\0", 5) + text);
  }
}

}  // namespace

absl::StatusOr<std::string> InsertIntoPng(const std::string& file,
                                          const std::vector<std::pair<std::string, std::string>>& texts) {
  if (file.size() < kSignature.size() + kHeaderChunk || file.compare(0, kSignature.size(), kSignature) != 0) {
    return absl::InvalidArgumentError("not a PNG file");
  }
  const size_t pixels = kSignature.size() + kHeaderChunk;
  std::string out = file.substr(0, pixels);
  for (const auto& [keyword, text] : texts) AppendText(out, keyword, text);
  return out.append(file, pixels);
}

}  // namespace latentd::imaging
