#include "absl/status/status.h"
#include "absl/strings/str_format.h"
#include "server/imaging/byte_reader.h"
#include "server/imaging/input_formats.h"

namespace latentd::imaging {
namespace {

constexpr std::string_view kExifName("Exif\0\0", 6);
constexpr std::string_view kXmpName("http://ns.adobe.com/xap/1.0/\0", 29);

enum Marker : uint8_t {
  kStartOfImage = 0xD8,
  kEndOfImage = 0xD9,
  kStartOfScan = 0xDA,
  kApp1 = 0xE1,
};

// Frame headers of every process; between them lie three markers of other meanings.
bool IsStartOfFrame(uint8_t marker) {
  return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

// Markers without a segment behind them: TEM, restarts and the image's start.
bool StandsAlone(uint8_t marker) { return marker == 0x01 || (marker >= 0xD0 && marker <= kStartOfImage); }

absl::Status CutOff() { return absl::InvalidArgumentError("the JPEG file ends before its picture begins"); }

// Takes bytes up to the next marker and the marker itself; what lies between is padding.
bool TakeMarker(ByteReader& reader, uint8_t& marker) {
  std::string_view byte;
  bool after_ff = false;
  while (reader.Take(1, byte)) {
    const auto value = static_cast<uint8_t>(byte[0]);
    if (after_ff && value != 0 && value != 0xFF) {
      marker = value;
      return true;
    }
    after_ff = value == 0xFF;
  }
  return false;
}

absl::Status ReadFrame(std::string_view segment, FileHeader& header) {
  if (segment.size() < 6) return CutOff();
  const uint32_t precision = BigEndian(segment, 0, 1), components = BigEndian(segment, 5, 1);
  if (precision != 8) {
    return absl::InvalidArgumentError(absl::StrFormat("JPEG files of %d bits are not taken, only of 8", precision));
  }
  if (components != 1 && components != 3 && components != 4) {
    return absl::InvalidArgumentError(
        absl::StrFormat("JPEG files of %d channels are not taken, only of 1, 3 or 4", components));
  }
  header.height = BigEndian(segment, 1, 2);
  header.width = BigEndian(segment, 3, 2);
  return absl::OkStatus();
}

}  // namespace

bool IsJpeg(std::string_view file) { return file.starts_with("\xFF\xD8\xFF"); }

// ITU-T T.81, annex B: segments of a marker and a length, up to the first scan.
absl::StatusOr<FileHeader> ReadJpegHeader(std::string_view file) {
  FileHeader header;
  ByteReader reader(file.substr(2));
  bool has_frame = false;
  uint8_t marker = 0;
  while (TakeMarker(reader, marker)) {
    if (StandsAlone(marker)) continue;
    if (marker == kEndOfImage) return CutOff();
    if (marker == kStartOfScan) {
      if (!has_frame) return absl::InvalidArgumentError("the JPEG file has no frame header");
      return header;
    }
    std::string_view size, segment;
    if (!reader.Take(2, size)) return CutOff();
    const uint32_t length = BigEndian(size, 0, 2);  // counts itself
    if (length < 2) return absl::InvalidArgumentError("the JPEG file has a segment without a length");
    if (!reader.Take(length - 2, segment)) return CutOff();
    if (IsStartOfFrame(marker) && !has_frame) {
      if (absl::Status status = ReadFrame(segment, header); !status.ok()) return status;
      has_frame = true;
    } else if (marker == kApp1 && segment.starts_with(kExifName)) {
      header.exif += segment.substr(kExifName.size());  // one block, in as many segments as it needs
    } else if (marker == kApp1 && segment.starts_with(kXmpName)) {
      header.xmp = segment.substr(kXmpName.size());
    }
  }
  return CutOff();
}

}  // namespace latentd::imaging
