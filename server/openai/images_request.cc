#include "server/openai/images_request.h"

#include <cstdint>
#include <optional>
#include <string>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/core/utf8.h"
#include "server/openai/parameters.h"

namespace latentd::openai {
namespace {

constexpr int kMaxImages = 10;
constexpr int kMaxPartialImages = 3;
// How much of a picture without mask is redone: what spec.proto gives as the default.
constexpr double kEditStrength = 0.8;

// A positive number without sign or blanks, of at most five digits.
bool ReadEdge(absl::string_view text, int& edge) {
  const bool is_plain = !text.empty() && text.size() <= 5 && text.find_first_not_of("0123456789") == text.npos;
  return is_plain && absl::SimpleAtoi(text, &edge) && edge > 0;
}

void ReadSize(ParameterReader& reader, v1::GenerationSpec& spec) {
  const std::optional<std::string> size = reader.Text("size");
  if (!size || *size == "auto") return;
  const absl::string_view text = *size;
  const size_t cross = text.find('x');
  int width = 0, height = 0;
  if (cross == text.npos || !ReadEdge(text.substr(0, cross), width) || !ReadEdge(text.substr(cross + 1), height)) {
    reader.Violate("size", absl::StrCat("must be auto or WIDTHxHEIGHT in pixels; got ", core::Quote(text)));
  }
  spec.set_width(width);
  spec.set_height(height);
}

void ReadOutput(ParameterReader& reader, v1::OutputOptions& output) {
  // Pictures by URL would need a host name that callers can reach, and a key that the link carries.
  reader.Choice("response_format", {"b64_json"});
  const std::string format = reader.Choice("output_format", {"png", "jpeg", "webp"}).value_or("png");
  const int compression = static_cast<int>(reader.Integer("output_compression", 0, 100).value_or(100));
  if (format == "png") {
    output.set_format(v1::IMAGE_FORMAT_PNG);
    if (compression != 100) reader.Violate("output_compression", "is for output_format jpeg and webp");
  } else {
    output.set_format(format == "jpeg" ? v1::IMAGE_FORMAT_JPEG : v1::IMAGE_FORMAT_WEBP);
    output.set_quality(compression == 0 ? 1 : compression);  // 0 would be our default
  }
}

void ReadStream(ParameterReader& reader, ImagesRequest& request) {
  request.streams = reader.Flag("stream").value_or(false);
  request.partial_images = static_cast<int>(reader.Integer("partial_images", 0, kMaxPartialImages).value_or(0));
  if (!request.streams && request.partial_images > 0) reader.Violate("partial_images", "is for stream true");
  if (request.streams && request.spec.num_images() > 1) {
    reader.Violate("n", "must be 1 when stream is true: events do not tell pictures apart");
  }
}

// What both calls have in common.
ImagesRequest ReadCommon(ParameterReader& reader) {
  ImagesRequest request;
  request.spec.set_model(reader.RequiredText("model"));
  request.spec.set_prompt(reader.RequiredText("prompt"));
  request.spec.set_num_images(static_cast<int>(reader.Integer("n", 1, kMaxImages).value_or(1)));
  if (const auto seed = reader.Integer("seed", 0, INT64_MAX)) request.spec.set_seed(*seed);
  ReadSize(reader, request.spec);
  ReadOutput(reader, *request.spec.mutable_output());
  ReadStream(reader, request);
  // What is done anyway may be asked for.
  reader.Choice("background", {"auto", "opaque"});
  reader.Choice("moderation", {"auto"});
  reader.Choice("quality", {"auto"});
  if (const auto user = reader.Text("user")) (*request.options.mutable_labels())["user"] = *user;
  return request;
}

}  // namespace

absl::StatusOr<ImagesRequest> ReadGeneration(absl::string_view content_type, absl::string_view body) {
  const absl::StatusOr<Parameters> parameters = ReadJson(content_type, body);
  if (!parameters.ok()) return parameters.status();
  ParameterReader reader(parameters->values);
  ImagesRequest request = ReadCommon(reader);
  if (absl::Status status = reader.status(); !status.ok()) return status;
  return request;
}

absl::StatusOr<ImagesRequest> ReadEdit(absl::string_view content_type, absl::string_view body) {
  const absl::StatusOr<Parameters> parameters = ReadForm(content_type, body);
  if (!parameters.ok()) return parameters.status();
  ParameterReader reader(parameters->values);
  ImagesRequest request = ReadCommon(reader);
  request.edits = true;
  if (parameters->images.size() != 1) {
    reader.Violate("image", absl::StrCat("must be one picture; got ", parameters->images.size()));
  }
  if (parameters->masks.size() > 1) reader.Violate("mask", "is there twice");
  if (absl::Status status = reader.status(); !status.ok()) return status;

  const std::string image(parameters->images.front());
  if (parameters->masks.empty()) {
    request.spec.mutable_image_to_image()->mutable_image()->set_data(image);
    request.spec.mutable_image_to_image()->set_strength(kEditStrength);
  } else {
    v1::Inpaint& inpaint = *request.spec.mutable_inpaint();
    inpaint.mutable_image()->set_data(image);
    inpaint.mutable_mask()->set_data(std::string(parameters->masks.front()));
    inpaint.set_mask_kind(v1::Inpaint::MASK_KIND_TRANSPARENT);
  }
  return request;
}

void SpreadPartialImages(ImagesRequest& request, int steps) {
  if (request.spec.has_image_to_image()) steps = static_cast<int>(steps * request.spec.image_to_image().strength());
  const int parts = request.partial_images + 1;
  v1::PreviewOptions& preview = *request.spec.mutable_preview();
  preview.set_kind(v1::PreviewOptions::KIND_IMAGE);
  preview.set_every_steps(steps < parts ? 1 : (steps + parts - 1) / parts);
  preview.set_format(request.spec.output().format());
}

}  // namespace latentd::openai
