#include "server/imaging/orient.h"

#include <cstddef>
#include <cstdint>
#include <utility>

namespace latentd::imaging {
namespace {

// Numbers of a TIFF block, in its byte order. Callers have checked that they lie inside.
class TiffBlock {
 public:
  TiffBlock(std::string_view data, bool big_endian) : data_(data), big_endian_(big_endian) {}
  uint32_t Short(size_t at) const { return Number(at, 2); }
  uint32_t Long(size_t at) const { return Number(at, 4); }

 private:
  uint32_t Number(size_t at, size_t bytes) const {
    uint32_t value = 0;
    for (size_t i = 0; i < bytes; ++i) {
      value = value << 8 | static_cast<uint8_t>(data_[at + (big_endian_ ? i : bytes - 1 - i)]);
    }
    return value;
  }

  std::string_view data_;
  bool big_endian_;
};

}  // namespace

std::optional<int> OrientationFromExif(std::string_view exif) {
  constexpr std::string_view kName("Exif\0\0", 6), kBigEndian("MM\0\x2a", 4), kLittleEndian("II\x2a\0", 4);
  constexpr size_t kHeader = 8, kEntry = 12;
  constexpr uint32_t kOrientation = 0x0112, kShort = 3, kLong = 4;
  for (int i = 0; i < 2 && exif.starts_with(kName); ++i) exif.remove_prefix(kName.size());  // some write it twice
  const bool big_endian = exif.starts_with(kBigEndian);
  if (exif.size() < kHeader || (!big_endian && !exif.starts_with(kLittleEndian))) return std::nullopt;
  const TiffBlock tiff(exif, big_endian);
  const size_t directory = tiff.Long(4);
  if (directory > exif.size() - 2) return std::nullopt;
  const size_t entries = tiff.Short(directory);
  for (size_t i = 0; i < entries; ++i) {
    const size_t entry = directory + 2 + i * kEntry;
    if (entry + kEntry > exif.size()) return std::nullopt;
    if (tiff.Short(entry) != kOrientation) continue;
    const uint32_t type = tiff.Short(entry + 2);
    if (tiff.Long(entry + 4) != 1 || (type != kShort && type != kLong)) return 1;
    const uint32_t value = type == kShort ? tiff.Short(entry + 8) : tiff.Long(entry + 8);
    return value >= 1 && value <= 8 ? static_cast<int>(value) : 1;
  }
  return std::nullopt;
}

std::optional<int> OrientationFromXmp(std::string_view xmp) {
  constexpr std::string_view kName = "tiff:Orientation";
  for (size_t at = xmp.find(kName); at != xmp.npos; at = xmp.find(kName, at + 1)) {
    std::string_view rest = xmp.substr(at + kName.size());  // ="6" as an attribute, >6< as an element
    if (rest.starts_with("=\"")) {
      rest.remove_prefix(2);
    } else if (rest.starts_with(">")) {
      rest.remove_prefix(1);
    } else {
      continue;
    }
    if (!rest.empty() && rest[0] >= '0' && rest[0] <= '9') return rest[0] - '0';
  }
  return std::nullopt;
}

Picture Orient(Picture picture, int orientation) {
  if (orientation < 2 || orientation > 8) return picture;
  const ptrdiff_t width = picture.width, height = picture.height;
  // Which stored pixel comes first, and how far the next one of a row and of a column of the shown picture are.
  const bool swap = SwapsEdges(orientation);
  const bool from_right = orientation == 2 || orientation == 3 || orientation == 7 || orientation == 8;
  const bool from_bottom = orientation == 3 || orientation == 4 || orientation == 6 || orientation == 7;
  const ptrdiff_t start = (from_right ? width - 1 : 0) + (from_bottom ? (height - 1) * width : 0);
  const ptrdiff_t along_row = from_right ? -1 : 1;
  const ptrdiff_t along_column = from_bottom ? -width : width;

  Picture shown{.width = swap ? picture.height : picture.width,
                .height = swap ? picture.width : picture.height,
                .rgb = std::vector<uint8_t>(picture.rgb.size())};
  const ptrdiff_t next_x = swap ? along_column : along_row;
  const ptrdiff_t next_y = swap ? along_row : along_column;
  uint8_t* to = shown.rgb.data();
  for (int y = 0; y < shown.height; ++y) {
    for (int x = 0; x < shown.width; ++x) {
      const uint8_t* from = picture.rgb.data() + 3 * (start + y * next_y + x * next_x);
      *to++ = from[0];
      *to++ = from[1];
      *to++ = from[2];
    }
  }
  return shown;
}

}  // namespace latentd::imaging
