#include "absl/status/status.h"
#include "server/imaging/byte_reader.h"
#include "server/imaging/input_formats.h"

namespace latentd::imaging {
namespace {

constexpr std::string_view kSignature = "\x89PNG\r\n\x1a\n";
constexpr std::string_view kXmpKeyword("XML:com.adobe.xmp\0", 18);

// The text of an iTXt chunk with XMP's keyword; empty when it is another chunk, or compressed, which XMP forbids.
std::string_view XmpOf(std::string_view chunk) {
  if (!chunk.starts_with(kXmpKeyword)) return "";
  chunk.remove_prefix(kXmpKeyword.size());
  if (chunk.size() < 2 || chunk[0] != 0) return "";
  chunk.remove_prefix(2);
  for (int i = 0; i < 2; ++i) {  // language, translated keyword
    const size_t end = chunk.find('\0');
    if (end == chunk.npos) return "";
    chunk.remove_prefix(end + 1);
  }
  return chunk;
}

}  // namespace

bool IsPng(std::string_view file) { return file.starts_with(kSignature); }

// PNG specification, third edition, section 5: chunks of length, type, data and checksum, from IHDR to IEND.
absl::StatusOr<FileHeader> ReadPngHeader(std::string_view file) {
  FileHeader header;
  ByteReader reader(file.substr(kSignature.size()));
  bool first = true;
  for (;;) {
    std::string_view head, data, checksum;
    if (!reader.Take(8, head)) return absl::InvalidArgumentError("the PNG file is cut off");
    const uint32_t length = BigEndian(head, 0, 4);
    const std::string_view type = head.substr(4);
    if (!reader.Take(length, data) || !reader.Take(4, checksum)) {
      return absl::InvalidArgumentError("the PNG file is cut off");
    }
    if (first && (type != "IHDR" || length != 13)) {
      return absl::InvalidArgumentError("the PNG file does not begin with its header");
    }
    if (first) {
      header.width = BigEndian(data, 0, 4);
      header.height = BigEndian(data, 4, 4);
      first = false;
    } else if (type == "IDAT") {
      header.data_bytes += length;
    } else if (type == "eXIf") {
      header.exif = std::string(data);
    } else if (type == "iTXt") {
      if (const std::string_view xmp = XmpOf(data); !xmp.empty()) header.xmp = xmp;
    } else if (type == "IEND") {
      return header;
    }
  }
}

}  // namespace latentd::imaging
