#include <cstdint>

#include "server/imaging/metadata.h"
#include "server/imaging/unicode.h"

namespace latentd::imaging {
namespace {

void Append16(std::string& out, uint32_t value) {
  out += static_cast<char>(value >> 8);
  out += static_cast<char>(value & 0xFF);
}

void Append32(std::string& out, uint32_t value) {
  Append16(out, value >> 16);
  Append16(out, value & 0xFFFF);
}

// One entry of an image file directory, and the end of the directory (TIFF 6.0, section 2).
void AppendDirectory(std::string& out, uint32_t tag, uint32_t type, uint32_t count, uint32_t value_or_offset) {
  Append16(out, 1);
  Append16(out, tag);
  Append16(out, type);
  Append32(out, count);
  Append32(out, value_or_offset);
  Append32(out, 0);  // no further directory
}

}  // namespace

std::string ExifUserComment(const std::string& text) {
  constexpr uint32_t kExifPointer = 0x8769, kUserComment = 0x9286, kLong = 4, kUndefined = 7;
  constexpr uint32_t kHeader = 8, kDirectory = 2 + 12 + 4;
  // EXIF 2.32, section 4.6.5: eight bytes name the encoding. Readers take UNICODE as UTF-16 in the byte order of the
  // file.
  std::string comment("UNICODE\0", 8);
  comment += Utf8ToUtf16BigEndian(text);

  std::string out("MM\0\x2a", 4);
  Append32(out, kHeader);
  AppendDirectory(out, kExifPointer, kLong, 1, kHeader + kDirectory);
  AppendDirectory(out, kUserComment, kUndefined, static_cast<uint32_t>(comment.size()), kHeader + 2 * kDirectory);
  return out + comment;
}

}  // namespace latentd::imaging
