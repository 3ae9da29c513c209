#include "server/openai/images_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "server/core/errors.h"

namespace latentd::openai {
namespace {

using testing::HasSubstr;

constexpr char kForm[] = "multipart/form-data; boundary=b";

absl::StatusOr<ImagesRequest> Read(const std::string& more = "") {
  return ReadGeneration("application/json", absl::StrCat(R"({"model": "m", "prompt": "a cat")", more, "}"));
}

std::string Part(const std::string& name, const std::string& data) {
  return absl::StrCat("--b\r\nContent-Disposition: form-data; name=\"", name, "\"\r\n\r\n", data, "\r\n");
}

absl::StatusOr<ImagesRequest> ReadParts(const std::string& more) {
  return ReadEdit(kForm, absl::StrCat(Part("model", "m"), Part("prompt", "a cat"), more, "--b--\r\n"));
}

// The parameters that the status calls wrong, with commas between.
std::string Wrong(const absl::Status& status) {
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  return absl::StrJoin(core::GetErrorDetails(status).violations, ",",
                       [](std::string* out, const core::FieldViolation& each) { out->append(each.field); });
}

TEST(ReadGeneration, HasDefaults) {
  const auto request = Read();
  ASSERT_TRUE(request.ok()) << request.status();
  v1::GenerationSpec spec;
  spec.set_model("m");
  spec.set_prompt("a cat");
  spec.set_num_images(1);
  spec.mutable_output()->set_format(v1::IMAGE_FORMAT_PNG);
  EXPECT_EQ(request->spec.SerializeAsString(), spec.SerializeAsString());
  EXPECT_EQ(request->options.ByteSizeLong(), 0u);
  EXPECT_FALSE(request->edits || request->streams);
  EXPECT_EQ(request->partial_images, 0);
}

TEST(ReadGeneration, PutsParametersIntoTheSpecification) {
  const auto request = Read(
      R"(, "n": 10, "size": "512x768", "seed": 9223372036854775807, "output_format": "jpeg", "output_compression": 70,
         "user": "me", "background": "opaque", "quality": "auto", "moderation": "auto", "response_format": "b64_json")");
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->spec.num_images(), 10);
  EXPECT_EQ(request->spec.width(), 512);
  EXPECT_EQ(request->spec.height(), 768);
  EXPECT_EQ(request->spec.seed(), INT64_MAX);
  EXPECT_EQ(request->spec.output().format(), v1::IMAGE_FORMAT_JPEG);
  EXPECT_EQ(request->spec.output().quality(), 70);
  EXPECT_EQ(request->options.labels().at("user"), "me");
}

TEST(ReadGeneration, CompressionIsOurQualityAndTheBestByDefault) {
  EXPECT_EQ(Read(R"(, "output_format": "webp")")->spec.output().quality(), 100);
  EXPECT_EQ(Read(R"(, "output_format": "webp", "output_compression": 0)")->spec.output().quality(), 1);
  EXPECT_EQ(Read(R"(, "output_compression": 100)")->spec.output().quality(), 0);
  EXPECT_EQ(Wrong(Read(R"(, "output_compression": 99)").status()), "output_compression");
}

TEST(ReadGeneration, ANullIsNothing) {
  const auto request = Read(R"(, "n": null, "size": null, "seed": null, "user": null, "stream": null)");
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->spec.SerializeAsString(), Read()->spec.SerializeAsString());
}

TEST(ReadGeneration, StreamsWithPartialImages) {
  const auto request = Read(R"(, "stream": true, "partial_images": 3)");
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_TRUE(request->streams);
  EXPECT_EQ(request->partial_images, 3);
  EXPECT_EQ(Wrong(Read(R"(, "partial_images": 1)").status()), "partial_images");
  EXPECT_EQ(Wrong(Read(R"(, "stream": true, "partial_images": 4)").status()), "partial_images");
  EXPECT_EQ(Wrong(Read(R"(, "stream": true, "n": 2)").status()), "n");
}

TEST(ReadGeneration, NamesEverythingThatIsWrong) {
  const auto request =
      ReadGeneration("application/json", R"({"model": 7, "n": 0, "seed": -1, "size": "big", "stream": "yes", "user": [],
                                             "output_format": "gif", "response_format": "url", "quality": "hd"})");
  EXPECT_EQ(Wrong(request.status()), "model,prompt,n,seed,size,response_format,output_format,stream,quality,user");
  EXPECT_EQ(core::GetErrorDetails(request.status()).reason, "INVALID_FIELDS");
}

TEST(ReadGeneration, NamesAllThatIsNotSupportedFirst) {
  const auto request = Read(R"(, "style": "vivid", "n": 0, "image": "x", "steps": 3, "image[]": 1)");
  EXPECT_EQ(Wrong(request.status()), "image,image[],steps,style");
  EXPECT_EQ(core::GetErrorDetails(request.status()).reason, "UNSUPPORTED_PARAMETER");
  EXPECT_THAT(std::string(request.status().message()), HasSubstr("image, image[], steps, style are not supported"));
}

TEST(ReadGeneration, TakesNumbersThatAreIntegersAlone) {
  for (const char* number :
       {"1.0", "1e0", "\"1\"", "true", "[1]", "18446744073709551615", "99999999999999999999999", "11", "-1"}) {
    EXPECT_EQ(Wrong(Read(absl::StrCat(R"(, "n": )", number)).status()), "n") << number;
  }
  EXPECT_EQ(Wrong(Read(R"(, "seed": 9223372036854775808)").status()), "seed");
}

TEST(ReadGeneration, TakesSizesOfOneFormAlone) {
  EXPECT_EQ(Read(R"(, "size": "auto")")->spec.width(), 0);
  for (const char* size : {"", "x", "64", "64x", "x64", "64X64", "64×64", "0x64", "64x0", "-64x64", "+64x64", " 64x64",
                           "64x64 ", "64x64x64", "0064x064x", "100000x64", "6.4x64", "Auto"}) {
    EXPECT_EQ(Wrong(Read(absl::StrCat(R"(, "size": ")", size, "\"")).status()), "size") << size;
  }
}

TEST(ReadGeneration, RefusesWhatIsNoObject) {
  for (const char* body : {"", "[]", "1", "{", "{} {}", "{\"prompt\": \"\xff\"}", "null"}) {
    const auto request = ReadGeneration("application/json; charset=utf-8", body);
    EXPECT_EQ(core::GetErrorDetails(request.status()).reason, "MALFORMED_BODY") << body;
  }
  EXPECT_EQ(core::GetErrorDetails(ReadGeneration("text/plain", "{}").status()).reason, "UNSUPPORTED_CONTENT_TYPE");
  EXPECT_EQ(Wrong(Read(R"(, "prompt": "b")").status()), "prompt") << "it is there twice";
}

TEST(ReadEdit, WithoutAMaskBeginsWithThePicture) {
  const auto request =
      ReadParts(Part("image", "the file") + Part("n", "2") + Part("seed", "7") + Part("stream", "false"));
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_TRUE(request->edits);
  EXPECT_EQ(request->spec.image_to_image().image().data(), "the file");
  EXPECT_EQ(request->spec.image_to_image().strength(), 0.8);
  EXPECT_EQ(request->spec.num_images(), 2);
  EXPECT_EQ(request->spec.seed(), 7);
}

TEST(ReadEdit, AMaskMarksByTransparency) {
  const auto request = ReadParts(Part("mask", "the mask") + Part("image[]", "the file") + Part("stream", "true"));
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->spec.inpaint().image().data(), "the file");
  EXPECT_EQ(request->spec.inpaint().mask().data(), "the mask");
  EXPECT_EQ(request->spec.inpaint().mask_kind(), v1::Inpaint::MASK_KIND_TRANSPARENT);
  EXPECT_TRUE(request->streams);
}

TEST(ReadEdit, NamesWhatIsWrong) {
  const std::string image = Part("image", "x");
  EXPECT_EQ(Wrong(ReadParts("").status()), "image");
  EXPECT_EQ(Wrong(ReadParts(image + image).status()), "image");
  EXPECT_EQ(Wrong(ReadParts(image + Part("image[]", "y")).status()), "image");
  EXPECT_EQ(Wrong(ReadParts(image + Part("mask", "x") + Part("mask", "x")).status()), "mask");
  EXPECT_EQ(Wrong(ReadParts(image + Part("prompt", "again")).status()), "prompt");
  EXPECT_EQ(Wrong(ReadParts(image + Part("user", "\xff")).status()), "user");
  EXPECT_EQ(Wrong(ReadParts(image + Part("svg[model]", "x") + Part("markup", "y")).status()), "svg[model],markup");
  for (const char* number : {"", "two", "1.0", " 1", "+1", "1 ", "0x1", "99999999999999999999", "1-"}) {
    EXPECT_EQ(Wrong(ReadParts(image + Part("n", number)).status()), "n") << number;
  }
  EXPECT_EQ(Wrong(ReadParts(image + Part("stream", "True")).status()), "stream");
  EXPECT_EQ(core::GetErrorDetails(ReadEdit("application/json", "{}").status()).reason, "UNSUPPORTED_CONTENT_TYPE");
}

// Of how many steps a preview is shown before the last.
int Shown(const ImagesRequest& request, int steps) { return (steps - 1) / request.spec.preview().every_steps(); }

TEST(SpreadPartialImages, ShowsAsManyAsThereIsRoomForAndNoMore) {
  for (const int count : {1, 2, 3}) {
    for (const int steps : {1, 2, 3, 4, 5, 7, 8, 20, 25, 50, 999}) {
      ImagesRequest request;
      request.partial_images = count;
      request.spec.mutable_output()->set_format(v1::IMAGE_FORMAT_WEBP);
      SpreadPartialImages(request, steps);
      EXPECT_LE(Shown(request, steps), steps <= count ? steps - 1 : count) << count << " of " << steps;
      if (steps >= 20) {
        EXPECT_EQ(Shown(request, steps), count) << steps;
      }
      EXPECT_EQ(request.spec.preview().kind(), v1::PreviewOptions::KIND_IMAGE);
      EXPECT_EQ(request.spec.preview().format(), v1::IMAGE_FORMAT_WEBP);
    }
  }
}

TEST(SpreadPartialImages, CountsTheStepsThatAnEditCarriesOut) {
  auto request = ReadParts(Part("image", "x") + Part("stream", "true") + Part("partial_images", "3"));
  ASSERT_TRUE(request.ok()) << request.status();
  SpreadPartialImages(*request, 25);
  EXPECT_EQ(Shown(*request, 20), 3);
}

}  // namespace
}  // namespace latentd::openai
