#include <cstdint>
#include <string_view>

#include "server/imaging/containers.h"

namespace latentd::imaging {
namespace {

constexpr std::string_view kStart = "\xFF\xD8";
constexpr std::string_view kApp0 = "\xFF\xE0";
constexpr std::string_view kExifName("Exif\0\0", 6);
constexpr std::string_view kXmpName("http://ns.adobe.com/xap/1.0/\0", 29);
static_assert(kMaxJpegExif == 65533 - kExifName.size() && kMaxJpegXmp == 65533 - kXmpName.size());

void AppendApp1(std::string& out, std::string_view name, const std::string& data) {
  const size_t length = 2 + name.size() + data.size();  // counts itself
  out += "\xFF\xE1";
  out += static_cast<char>(length >> 8);
  out += static_cast<char>(length & 0xFF);
  out.append(name).append(data);
}

}  // namespace

absl::StatusOr<std::string> InsertIntoJpeg(const std::string& file, const std::string& exif, const std::string& xmp) {
  if (file.compare(0, kStart.size(), kStart) != 0) return absl::InvalidArgumentError("not a JPEG file");
  if (exif.size() > kMaxJpegExif || xmp.size() > kMaxJpegXmp) {
    return absl::InvalidArgumentError("the metadata is too large for a JPEG segment");
  }
  size_t after_header = kStart.size();
  if (file.size() >= 6 && file.compare(2, kApp0.size(), kApp0) == 0) {
    after_header += 2 + (size_t{static_cast<uint8_t>(file[4])} << 8 | static_cast<uint8_t>(file[5]));
  }
  if (after_header > file.size()) return absl::InvalidArgumentError("the JPEG file is cut off");
  std::string out = file.substr(0, after_header);
  if (!exif.empty()) AppendApp1(out, kExifName, exif);
  AppendApp1(out, kXmpName, xmp);
  return out.append(file, after_header);
}

}  // namespace latentd::imaging
