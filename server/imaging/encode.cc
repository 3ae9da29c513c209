#include "server/imaging/encode.h"

#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>
#include <opencv2/imgproc.hpp>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/imaging/containers.h"
#include "server/imaging/unicode.h"

namespace latentd::imaging {
namespace {

// What the file carries; empty texts are left out.
struct Texts {
  std::string parameters;
  std::string json;
  std::string software;
};

// The pixels alone, in the codec's plainest form of file.
absl::StatusOr<std::string> EncodePixels(const Picture& picture, core::ImageFormat format, int quality) {
  if (format == core::ImageFormat::kLatent) return absl::InvalidArgumentError("a latent is no picture");
  if (!picture.valid()) return absl::InvalidArgumentError("the picture's size and its bytes do not agree");
  const char* suffix = ".png";
  // Of 0 to 9; OpenCV's own default is 1, the fastest.
  std::vector<int> parameters = {cv::IMWRITE_PNG_COMPRESSION, 4};
  if (format != core::ImageFormat::kPng) {
    if (quality < 1 || quality > 100) return absl::InvalidArgumentError("the quality is not from 1 to 100");
    const bool webp = format == core::ImageFormat::kWebp;
    suffix = webp ? ".webp" : ".jpg";
    parameters = {webp ? cv::IMWRITE_WEBP_QUALITY : cv::IMWRITE_JPEG_QUALITY, quality};
  }
  std::vector<uint8_t> bytes;
  try {
    const cv::Mat rgb(picture.height, picture.width, CV_8UC3, const_cast<uint8_t*>(picture.rgb.data()));
    cv::Mat bgr;
    cv::cvtColor(rgb, bgr, cv::COLOR_RGB2BGR);
    if (!cv::imencode(suffix, bgr, bytes, parameters)) return absl::InternalError("the encoder failed");
  } catch (const cv::Exception& exception) {
    return absl::InvalidArgumentError(absl::StrCat("cannot encode the picture: ", exception.err));
  }
  return std::string(bytes.begin(), bytes.end());
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
