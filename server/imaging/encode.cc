#include "server/imaging/encode.h"

#include <utility>
#include <vector>

#include "server/imaging/containers.h"
#include "server/imaging/output_formats.h"
#include "server/imaging/unicode.h"

namespace latentd::imaging {
namespace {

// What the file carries; empty texts are left out.
struct Texts {
  std::string parameters;
  std::string json;
  std::string software;
};

absl::StatusOr<std::string> EncodePixels(const Picture& picture, core::ImageFormat format, int quality) {
  if (format == core::ImageFormat::kLatent) return absl::InvalidArgumentError("a latent is no picture");
  if (!picture.valid()) return absl::InvalidArgumentError("the picture's size and its bytes do not agree");
  if (format == core::ImageFormat::kPng) return EncodePng(picture);
  if (quality < 1 || quality > 100) return absl::InvalidArgumentError("the quality is not from 1 to 100");
  return format == core::ImageFormat::kJpeg ? EncodeJpeg(picture, quality) : EncodeWebp(picture, quality);
}

absl::StatusOr<std::string> EncodeWith(const Picture& picture, core::ImageFormat format, int quality,
                                       const Texts& texts) {
  absl::StatusOr<std::string> file = EncodePixels(picture, format, quality);
  if (!file.ok()) return file;
  if (format == core::ImageFormat::kPng) {
    std::vector<std::pair<std::string, std::string>> chunks;
    if (!texts.parameters.empty()) chunks.emplace_back("parameters", texts.parameters);
    if (!texts.json.empty()) chunks.emplace_back("latentd", texts.json);
    chunks.emplace_back("XML:com.adobe.xmp", XmpPacket(texts.software, ""));
    return InsertIntoPng(*file, chunks);
  }
  const std::string exif = texts.parameters.empty() ? "" : ExifUserComment(texts.parameters);
  const std::string xmp = XmpPacket(texts.software, texts.json);
  if (format == core::ImageFormat::kJpeg) return InsertIntoJpeg(*file, exif, xmp);
  return InsertIntoWebp(*file, picture.width, picture.height, exif, xmp);
}

// A JPEG segment ends at 64 KiB, which long prompts in unusual scripts pass: they are cut in the text, and left out of
// the JSON, which takes more room for each character.
Texts FitIntoJpeg(Texts texts, Metadata metadata) {
  constexpr size_t kCharacters = 7500;  // of each prompt; at most 60,000 bytes together in UTF-16
  if (ExifUserComment(texts.parameters).size() > kMaxJpegExif) {
    metadata.fields.prompt = Utf8Prefix(metadata.fields.prompt, kCharacters);
    metadata.fields.negative_prompt = Utf8Prefix(metadata.fields.negative_prompt, kCharacters);
    texts.parameters = ParametersText(metadata);
  }
  if (XmpPacket(texts.software, texts.json).size() > kMaxJpegXmp) {
    metadata.fields.omit_prompts = true;
    texts.json = ParametersJson(metadata);
  }
  return texts;
}

}  // namespace

std::string MediaType(core::ImageFormat format) {
  switch (format) {
    case core::ImageFormat::kPng:
      return "image/png";
    case core::ImageFormat::kJpeg:
      return "image/jpeg";
    case core::ImageFormat::kWebp:
      return "image/webp";
    case core::ImageFormat::kLatent:
      return "application/x-safetensors";
  }
  return "";
}

absl::StatusOr<std::string> Encode(const Picture& picture, core::ImageFormat format, int quality,
                                   const Metadata& metadata) {
  Texts texts{ParametersText(metadata), ParametersJson(metadata), metadata.software};
  if (format == core::ImageFormat::kJpeg) texts = FitIntoJpeg(std::move(texts), metadata);
  return EncodeWith(picture, format, quality, texts);
}

absl::StatusOr<std::string> EncodePreview(const Picture& picture, core::ImageFormat format, int quality,
                                          const std::string& software) {
  return EncodeWith(picture, format, quality, Texts{.parameters = "", .json = "", .software = software});
}

}  // namespace latentd::imaging
