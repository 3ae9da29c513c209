#include "server/imaging/input_image.h"

#include <utility>

#include "absl/strings/str_format.h"
#include "server/imaging/input_formats.h"
#include "server/imaging/orient.h"

namespace latentd::imaging {
namespace {

struct Format {
  core::ImageFormat format;
  bool (*is)(std::string_view);
  absl::StatusOr<FileHeader> (*read_header)(std::string_view);
  absl::StatusOr<Picture> (*decode)(std::string_view, const FileHeader&);
};

constexpr Format kFormats[] = {
    {core::ImageFormat::kPng, IsPng, ReadPngHeader, DecodePng},
    {core::ImageFormat::kJpeg, IsJpeg, ReadJpegHeader, DecodeJpeg},
    {core::ImageFormat::kWebp, IsWebp, ReadWebpHeader, DecodeWebp},
};

struct Inspected {
  const Format* format;
  FileHeader header;
  ImageInfo info;
};

absl::Status CheckSize(const FileHeader& header, const InputLimits& limits) {
  const uint64_t width = header.width, height = header.height;
  if (width == 0 || height == 0) return absl::InvalidArgumentError("the image has no pixels");
  const auto max_edge = static_cast<uint64_t>(limits.max_edge);
  if (width > max_edge || height > max_edge) {
    return absl::InvalidArgumentError(
        absl::StrFormat("the image is %dx%d pixels; an edge of at most %d is taken", width, height, max_edge));
  }
  if (width * height > static_cast<uint64_t>(limits.max_pixels)) {
    return absl::InvalidArgumentError(
        absl::StrFormat("the image is %dx%d pixels; at most %d pixels are taken", width, height, limits.max_pixels));
  }
  return absl::OkStatus();
}

absl::StatusOr<Inspected> Inspect(std::string_view file, const InputLimits& limits) {
  if (file.empty()) return absl::InvalidArgumentError("the image is empty");
  if (file.size() > limits.max_bytes) {
    return absl::InvalidArgumentError(
        absl::StrFormat("the image is %d bytes; at most %d are taken", file.size(), limits.max_bytes));
  }
  for (const Format& format : kFormats) {
    if (!format.is(file)) continue;
    absl::StatusOr<FileHeader> header = format.read_header(file);
    if (!header.ok()) return header.status();
    if (absl::Status status = CheckSize(*header, limits); !status.ok()) return status;
    ImageInfo info{.format = format.format,
                   .width = static_cast<int>(header->width),
                   .height = static_cast<int>(header->height),
                   .orientation = 1};
    std::optional<int> orientation = OrientationFromExif(header->exif);
    if (!orientation) orientation = OrientationFromXmp(header->xmp);
    info.orientation = orientation.value_or(1);
    if (SwapsEdges(info.orientation)) std::swap(info.width, info.height);
    return Inspected{.format = &format, .header = *std::move(header), .info = info};
  }
  return absl::InvalidArgumentError("the image is not a PNG, JPEG or WebP file");
}

}  // namespace

absl::StatusOr<ImageInfo> InspectImage(std::string_view file, const InputLimits& limits) {
  absl::StatusOr<Inspected> inspected = Inspect(file, limits);
  if (!inspected.ok()) return inspected.status();
  return inspected->info;
}

absl::StatusOr<Picture> DecodeImage(std::string_view file, const InputLimits& limits) {
  const absl::StatusOr<Inspected> inspected = Inspect(file, limits);
  if (!inspected.ok()) return inspected.status();
  absl::StatusOr<Picture> picture = inspected->format->decode(file, inspected->header);
  if (!picture.ok()) return picture.status();
  return Orient(*std::move(picture), inspected->info.orientation);
}

absl::StatusOr<Picture> DecodeTransparency(std::string_view file, const InputLimits& limits) {
  const absl::StatusOr<Inspected> inspected = Inspect(file, limits);
  if (!inspected.ok()) return inspected.status();
  if (inspected->info.format != core::ImageFormat::kPng) {
    return absl::InvalidArgumentError("the image must be a PNG file with transparency");
  }
  absl::StatusOr<Picture> picture = DecodePngTransparency(file, inspected->header);
  if (!picture.ok()) return picture.status();
  return Orient(*std::move(picture), inspected->info.orientation);
}

}  // namespace latentd::imaging
