#include "absl/status/status.h"
#include "server/imaging/byte_reader.h"
#include "server/imaging/input_formats.h"

namespace latentd::imaging {
namespace {

struct Chunk {
  std::string_view type;
  std::string_view data;
};

absl::Status CutOff() { return absl::InvalidArgumentError("the WebP file is cut off"); }
absl::Status Damaged(const char* why) { return absl::InvalidArgumentError(why); }

// False when the chunk does not lie in what is left. The byte that fills up an odd one may be missing at the end.
bool TakeChunk(ByteReader& reader, Chunk& chunk) {
  std::string_view head, padding;
  if (!reader.Take(8, head)) return false;
  const uint32_t size = LittleEndian(head, 4, 4);
  chunk.type = head.substr(0, 4);
  if (!reader.Take(size, chunk.data)) return false;
  if (size % 2 != 0) reader.Take(1, padding);
  return true;
}

// RFC 6386, section 9.1: three bytes of tag, three of start code, width and height of 14 bits each.
absl::Status ReadLossy(std::string_view data, FileHeader& header) {
  if (data.size() < 10) return CutOff();
  if (data.substr(3, 3) != "\x9d\x01\x2a") return Damaged("the WebP file's picture is damaged at its start");
  header.frame_width = static_cast<int>(LittleEndian(data, 6, 2) & 0x3FFF);
  header.frame_height = static_cast<int>(LittleEndian(data, 8, 2) & 0x3FFF);
  header.data = data;
  return absl::OkStatus();
}

// RFC 9649, section 3.4: a signature, then width and height less one of 14 bits each.
absl::Status ReadLossless(std::string_view data, FileHeader& header) {
  if (data.size() < 5) return CutOff();
  if (data[0] != 0x2F) return Damaged("the WebP file's picture is damaged at its start");
  const uint32_t bits = LittleEndian(data, 1, 4);
  header.frame_width = static_cast<int>(bits & 0x3FFF) + 1;
  header.frame_height = static_cast<int>(bits >> 14 & 0x3FFF) + 1;
  header.data = data;
  return absl::OkStatus();
}

// The picture among the chunks of a file or of a frame; what stands before it (alpha) is passed over.
absl::Status ReadPicture(const Chunk& chunk, FileHeader& header) {
  if (!header.data.empty()) return absl::OkStatus();
  if (chunk.type == "VP8 ") return ReadLossy(chunk.data, header);
  if (chunk.type == "VP8L") return ReadLossless(chunk.data, header);
  return absl::OkStatus();
}

// An animation's frame: its place in halves of pixels, its size less one, then chunks of its own.
absl::Status ReadFrame(std::string_view data, FileHeader& header) {
  constexpr size_t kFrameHeader = 16;
  ByteReader reader(data);
  std::string_view head;
  if (!reader.Take(kFrameHeader, head)) return CutOff();
  header.frame_x = static_cast<int>(LittleEndian(head, 0, 3)) * 2;
  header.frame_y = static_cast<int>(LittleEndian(head, 3, 3)) * 2;
  Chunk chunk;
  while (header.data.empty()) {
    if (!TakeChunk(reader, chunk)) return Damaged("the WebP file's first frame has no picture");
    if (absl::Status status = ReadPicture(chunk, header); !status.ok()) return status;
  }
  const bool agrees = static_cast<uint32_t>(header.frame_width) == LittleEndian(head, 6, 3) + 1 &&
                      static_cast<uint32_t>(header.frame_height) == LittleEndian(head, 9, 3) + 1;
  return agrees ? absl::OkStatus() : Damaged("the WebP file's first frame has two sizes");
}

// The extended format: flags, then the canvas less one.
absl::Status ReadExtended(std::string_view data, ByteReader& reader, FileHeader& header) {
  constexpr uint8_t kAnimation = 0x02;
  if (data.size() < 10) return CutOff();
  const bool animated = (data[0] & kAnimation) != 0;
  header.width = uint64_t{LittleEndian(data, 4, 3)} + 1;
  header.height = uint64_t{LittleEndian(data, 7, 3)} + 1;
  Chunk chunk;
  while (reader.left() > 0) {
    if (!TakeChunk(reader, chunk)) return CutOff();
    absl::Status status;
    if (chunk.type == "EXIF" && header.exif.empty()) {
      header.exif = std::string(chunk.data);
    } else if (chunk.type == "XMP " && header.xmp.empty()) {
      header.xmp = chunk.data;
    } else if (!animated) {
      status = ReadPicture(chunk, header);
    } else if (chunk.type == "ANMF" && header.data.empty()) {
      status = ReadFrame(chunk.data, header);
    }
    if (!status.ok()) return status;
  }
  const bool fills_canvas = static_cast<uint64_t>(header.frame_width) == header.width &&
                            static_cast<uint64_t>(header.frame_height) == header.height;
  if (!animated && !header.data.empty() && !fills_canvas) return Damaged("the WebP file has two sizes");
  return absl::OkStatus();
}

}  // namespace

bool IsWebp(std::string_view file) {
  return file.size() >= 12 && file.starts_with("RIFF") && file.substr(8, 4) == "WEBP";
}

// RFC 9649, section 2: a RIFF file of chunks with a type and a length.
absl::StatusOr<FileHeader> ReadWebpHeader(std::string_view file) {
  FileHeader header;
  ByteReader whole(file.substr(8));
  std::string_view riff;
  if (!whole.Take(LittleEndian(file, 4, 4), riff)) return CutOff();
  if (riff.size() < 4) return Damaged("the WebP file's length is wrong");
  ByteReader reader(riff.substr(4));
  Chunk chunk;
  if (!TakeChunk(reader, chunk)) return CutOff();
  const bool extended = chunk.type == "VP8X";
  absl::Status status = extended ? ReadExtended(chunk.data, reader, header) : ReadPicture(chunk, header);
  if (!status.ok()) return status;
  if (header.data.empty()) return Damaged("the WebP file has no picture");
  const auto frame_width = static_cast<uint64_t>(header.frame_width);
  const auto frame_height = static_cast<uint64_t>(header.frame_height);
  if (!extended) {
    header.width = frame_width;
    header.height = frame_height;
  }
  if (static_cast<uint64_t>(header.frame_x) + frame_width > header.width ||
      static_cast<uint64_t>(header.frame_y) + frame_height > header.height) {
    return Damaged("the WebP file's picture does not fit its canvas");
  }
  return header;
}

}  // namespace latentd::imaging
