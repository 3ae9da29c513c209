#include "server/openai/images_answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "absl/strings/str_join.h"
#include "server/core/errors.h"

namespace latentd::openai {
namespace {

using nlohmann::json;
using testing::IsEmpty;
using testing::StartsWith;

core::Event At(int64_t second, core::EventKind kind) {
  return {.sequence = second, .time = absl::FromUnixSeconds(second), .kind = std::move(kind)};
}

core::Output Picture(int index, const std::string& bytes) {
  return {.index = index,
          .seed = 7 + index,
          .media_type = "image/png",
          .width = 64,
          .height = 48,
          .data = std::make_shared<const std::string>(bytes)};
}

core::Progress Preview(const std::string& bytes) {
  return {.preview = core::ImagePreview{.width = 16, .height = 12, .data = std::make_shared<const std::string>(bytes)}};
}

ImagesRequest Streamed(int partial_images, bool edits = false) {
  ImagesRequest request;
  request.streams = true;
  request.edits = edits;
  request.partial_images = partial_images;
  request.spec.mutable_output()->set_format(v1::IMAGE_FORMAT_JPEG);
  return request;
}

// The name and the data of the one event of these pieces.
std::pair<std::string, json> EventOf(const std::vector<std::string>& pieces) {
  EXPECT_EQ(pieces.size(), 1u);
  const std::string text = absl::StrJoin(pieces, "");
  const size_t line = text.find('\n');
  EXPECT_THAT(text, StartsWith("event: "));
  EXPECT_EQ(text.substr(line, 7), "\ndata: ");
  EXPECT_EQ(text.substr(text.size() - 2), "\n\n");
  return {text.substr(7, line - 7), json::parse(text.substr(line + 7))};
}

TEST(WholeAnswer, IsOneObjectWithThePicturesInOrder) {
  const auto answer = ImagesAnswer::To(ImagesRequest());
  absl::Status ending;
  EXPECT_STREQ(answer->media_type(), "application/json");
  EXPECT_EQ(answer->Heartbeat(), "");
  EXPECT_THAT(answer->Tell(At(1, core::Queued()), ending), IsEmpty());
  EXPECT_THAT(answer->Tell(At(2, Picture(1, "two")), ending), IsEmpty());
  EXPECT_THAT(answer->Tell(At(3, Picture(0, "one")), ending), IsEmpty());
  const std::vector<std::string> pieces = answer->Tell(At(4, core::Completed()), ending);
  EXPECT_TRUE(ending.ok());
  EXPECT_EQ(json::parse(absl::StrJoin(pieces, "")),
            json::parse(R"({"created": 4, "background": "opaque", "output_format": "png", "size": "64x48",
                            "data": [{"b64_json": "b25l", "seed": 7}, {"b64_json": "dHdv", "seed": 8}]})"));
}

TEST(WholeAnswer, EndsAsTheJobDoes) {
  absl::Status ending = core::BadRequest({{"spec.inpaint.mask", "is damaged"}});
  EXPECT_THAT(ImagesAnswer::To(ImagesRequest())->Tell(At(1, core::Failed()), ending), IsEmpty());
  EXPECT_EQ(ending.message(), "mask is damaged");
  ending = core::JobCancelledError("jobs/1", "DRAINED");
  EXPECT_THAT(ImagesAnswer::To(ImagesRequest())->Tell(At(1, core::Cancelled()), ending), IsEmpty());
  EXPECT_EQ(ending.code(), absl::StatusCode::kUnavailable);
}

TEST(WholeAnswer, FailsWhenAPictureIsMissing) {
  for (const bool withheld : {true, false}) {
    const auto answer = ImagesAnswer::To(ImagesRequest());
    absl::Status ending;
    answer->Tell(At(1, Picture(0, "one")), ending);
    core::Output bad{.index = 1, .state = withheld ? core::OutputState::kWithheld : core::OutputState::kFailed};
    bad.error = absl::InternalError("not a number");
    answer->Tell(At(2, bad), ending);
    EXPECT_THAT(answer->Tell(At(3, core::Completed()), ending), IsEmpty());
    EXPECT_EQ(ending.code(), withheld ? absl::StatusCode::kInvalidArgument : absl::StatusCode::kInternal);
    EXPECT_EQ(core::GetErrorDetails(ending).reason, withheld ? "MODERATION_BLOCKED" : "");
  }
}

TEST(StreamedAnswer, HasAnEventForEachPartialImageAndThePicture) {
  const auto answer = ImagesAnswer::To(Streamed(2));
  absl::Status ending;
  EXPECT_STREQ(answer->media_type(), "text/event-stream");
  EXPECT_THAT(answer->Tell(At(1, core::Queued()), ending), IsEmpty());
  EXPECT_THAT(answer->Tell(At(2, core::Progress()), ending), IsEmpty());
  for (int i = 0; i < 2; ++i) {
    const auto [name, data] = EventOf(answer->Tell(At(3 + i, Preview("one")), ending));
    EXPECT_EQ(name, "image_generation.partial_image");
    EXPECT_EQ(data, json({{"type", name},
                          {"b64_json", "b25l"},
                          {"background", "opaque"},
                          {"created_at", 3 + i},
                          {"output_format", "jpeg"},
                          {"partial_image_index", i},
                          {"quality", "auto"},
                          {"size", "16x12"}}));
  }
  EXPECT_THAT(answer->Tell(At(6, Preview("one too many")), ending), IsEmpty());
  const auto [name, data] = EventOf(answer->Tell(At(7, Picture(0, "two")), ending));
  EXPECT_EQ(name, "image_generation.completed");
  EXPECT_EQ(data, json({{"type", name},
                        {"b64_json", "dHdv"},
                        {"background", "opaque"},
                        {"created_at", 7},
                        {"output_format", "jpeg"},
                        {"quality", "auto"},
                        {"seed", 7},
                        {"size", "64x48"},
                        {"usage", nullptr}}));
  EXPECT_THAT(answer->Tell(At(8, core::Completed()), ending), IsEmpty());
  EXPECT_TRUE(ending.ok());
}

TEST(StreamedAnswer, OfAnEditIsNamedSo) {
  const auto answer = ImagesAnswer::To(Streamed(1, true));
  absl::Status ending;
  EXPECT_EQ(EventOf(answer->Tell(At(1, Preview("one")), ending)).first, "image_edit.partial_image");
  EXPECT_EQ(EventOf(answer->Tell(At(2, Picture(0, "two")), ending)).first, "image_edit.completed");
}

TEST(StreamedAnswer, AnErrorIsAStatusBeforeTheFirstWordAndAnEventAfterwards) {
  for (const bool told : {false, true}) {
    const auto answer = ImagesAnswer::To(Streamed(1));
    absl::Status ending;
    if (told) {
      EXPECT_EQ(answer->Heartbeat(), ": heartbeat\n\n");
    }
    ending = core::BadRequest({{"spec.inpaint.mask", "is damaged"}});
    const std::vector<std::string> pieces = answer->Tell(At(2, core::Failed()), ending);
    EXPECT_EQ(ending.message(), "mask is damaged");
    if (!told) {
      EXPECT_THAT(pieces, IsEmpty());
      continue;
    }
    const auto [name, data] = EventOf(pieces);
    EXPECT_EQ(name, "error");
    EXPECT_EQ(data["type"], "error");
    EXPECT_EQ(data["error"]["param"], "mask");
    EXPECT_EQ(data["error"]["message"], "mask is damaged");
  }
}

TEST(StreamedAnswer, AnErrorWhoseTextIsNotUtf8IsToldAsFarAsItIs) {
  const auto answer = ImagesAnswer::To(Streamed(0));
  answer->Heartbeat();
  absl::Status ending = absl::InternalError("caf\xe9");
  EXPECT_EQ(EventOf(answer->Tell(At(1, core::Failed()), ending)).second["error"]["message"], "caf\ufffd");
}

TEST(StreamedAnswer, FailsWhenThePictureIsWithheld) {
  const auto answer = ImagesAnswer::To(Streamed(1));
  absl::Status ending;
  answer->Tell(At(1, Preview("one")), ending);
  EXPECT_THAT(answer->Tell(At(2, core::Output{.state = core::OutputState::kWithheld}), ending), IsEmpty());
  EXPECT_EQ(EventOf(answer->Tell(At(3, core::Completed()), ending)).second["error"]["code"], "moderation_blocked");
  EXPECT_FALSE(ending.ok());
}

}  // namespace
}  // namespace latentd::openai
