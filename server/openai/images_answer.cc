#include "server/openai/images_answer.h"

#include <map>
#include <nlohmann/json.hpp>
#include <utility>
#include <variant>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "server/core/errors.h"
#include "server/openai/errors.h"

namespace latentd::openai {
namespace {

using nlohmann::json;

const char* NameOf(v1::ImageFormat format) {
  switch (format) {
    case v1::IMAGE_FORMAT_JPEG:
      return "jpeg";
    case v1::IMAGE_FORMAT_WEBP:
      return "webp";
    default:
      return "png";
  }
}

// Why there are no bytes of an output; OK when there are.
absl::Status CheckMade(const core::Output& output) {
  switch (output.state) {
    case core::OutputState::kOk:
      return absl::OkStatus();
    case core::OutputState::kWithheld:
      return core::MakeError(absl::StatusCode::kInvalidArgument, "the picture is withheld by the safety policy",
                             {.reason = "MODERATION_BLOCKED"});
    case core::OutputState::kFailed:
      return output.error;
  }
  return absl::InternalError("an output is in no known state");
}

// What pictures and partial images are said to be, beside their bytes.
json Describe(absl::Time time, const char* created, const char* format, int width, int height) {
  return {{created, absl::ToUnixSeconds(time)},
          {"background", "opaque"},
          {"output_format", format},
          {"size", absl::StrCat(width, "x", height)}};
}

// The JSON object `data` with one more member, whose text needs no escapes: looking for some takes longer than encoding
// a picture.
std::string WithImage(const json& data, const core::Blob& bytes) {
  return absl::StrCat(R"({"b64_json":")", absl::Base64Escape(*bytes), R"(",)", data.dump().substr(1));
}

// One JSON object, in pieces of one picture each.
class Whole final : public ImagesAnswer {
 public:
  explicit Whole(const ImagesRequest& request) : format_(NameOf(request.spec.output().format())) {}

  const char* media_type() const override { return "application/json"; }
  std::string Heartbeat() override { return ""; }
  std::vector<std::string> BreakOff(const absl::Status& /*why*/) override { return {}; }

  std::vector<std::string> Tell(const core::Event& event, absl::Status& ending) override {
    if (const auto* output = std::get_if<core::Output>(&event.kind)) Take(*output);
    if (!event.terminal()) return {};
    ending.Update(failure_);
    if (images_.empty()) ending.Update(absl::InternalError("the job ended without a picture"));
    ending = ForCaller(ending);
    if (!ending.ok()) return {};

    std::vector<std::string> pieces;
    pieces.push_back(Describe(event.time, "created", format_, width_, height_).dump());
    pieces.back().back() = ',';  // instead of the brace that ends it
    pieces.back() += R"("data":[)";
    for (auto& [index, image] : images_) pieces.push_back(std::move(image) + ",");
    pieces.back().back() = ']';
    pieces.back() += '}';
    return pieces;
  }

 private:
  void Take(const core::Output& output) {
    const absl::Status made = CheckMade(output);
    failure_.Update(made);
    if (!made.ok()) return;
    width_ = output.width;
    height_ = output.height;
    images_[output.index] = WithImage({{"seed", output.seed}}, output.data);
  }

  const char* const format_;
  int width_ = 0;
  int height_ = 0;
  std::map<int, std::string> images_;  // as JSON, by index
  absl::Status failure_;
};

// Server-sent events.
class Streamed final : public ImagesAnswer {
 public:
  explicit Streamed(const ImagesRequest& request)
      : prefix_(request.edits ? "image_edit." : "image_generation."),
        format_(NameOf(request.spec.output().format())),
        partial_images_(request.partial_images) {}

  const char* media_type() const override { return "text/event-stream"; }

  std::string Heartbeat() override {
    told_ = true;
    return ": heartbeat\n\n";
  }

  std::vector<std::string> Tell(const core::Event& event, absl::Status& ending) override {
    if (const auto* progress = std::get_if<core::Progress>(&event.kind)) return TellProgress(event.time, *progress);
    if (const auto* output = std::get_if<core::Output>(&event.kind)) return TellOutput(event.time, *output);
    if (!event.terminal()) return {};
    ending.Update(failure_);
    ending = ForCaller(ending);
    return ending.ok() ? std::vector<std::string>() : BreakOff(ending);
  }

  std::vector<std::string> BreakOff(const absl::Status& why) override {
    if (!told_) return {};  // before anything was said, the status of HTTP says it
    const json error = {{"type", "error"}, {"error", ErrorObject(why)}};
    return Say("error", error.dump(-1, ' ', false, json::error_handler_t::replace));
  }

 private:
  std::vector<std::string> Say(const std::string& name, const std::string& data) {
    told_ = true;
    return {absl::StrCat("event: ", name, "\ndata: ", data, "\n\n")};
  }

  std::vector<std::string> SayImage(const char* kind, json data, const core::Blob& bytes) {
    const std::string name = absl::StrCat(prefix_, kind);
    data["type"] = name;
    data["quality"] = "auto";
    return Say(name, WithImage(data, bytes));
  }

  std::vector<std::string> TellProgress(absl::Time time, const core::Progress& progress) {
    if (!progress.preview || partial_images_told_ == partial_images_) return {};
    const auto& preview = std::get<core::ImagePreview>(*progress.preview);
    json data = Describe(time, "created_at", format_, preview.width, preview.height);
    data["partial_image_index"] = partial_images_told_++;
    return SayImage("partial_image", std::move(data), preview.data);
  }

  std::vector<std::string> TellOutput(absl::Time time, const core::Output& output) {
    failure_ = CheckMade(output);
    if (!failure_.ok()) return {};
    json data = Describe(time, "created_at", format_, output.width, output.height);
    data["seed"] = output.seed;
    data["usage"] = nullptr;  // that API counts tokens, which pictures are not made of here
    return SayImage("completed", std::move(data), output.data);
  }

  const std::string prefix_;
  const char* const format_;
  const int partial_images_;
  int partial_images_told_ = 0;
  bool told_ = false;
  absl::Status failure_;
};

}  // namespace

std::unique_ptr<ImagesAnswer> ImagesAnswer::To(const ImagesRequest& request) {
  if (request.streams) return std::make_unique<Streamed>(request);
  return std::make_unique<Whole>(request);
}

}  // namespace latentd::openai
