#include "server/imaging/latent_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <limits>
#include <string>

#include "server/imaging/open_image.h"

namespace latentd::imaging {
namespace {

using testing::HasSubstr;

Latent Small() { return {.shape = {.channels = 2, .width = 3, .height = 1}, .values = {1, -2.5F, 3, 4, 0, -6}}; }

std::string File(const Latent& latent = Small()) {
  core::RequestFields fields{.model = "xl", .prompt = "a \"red\" apple"};
  return EncodeLatent(latent, {.fields = fields, .seed = 7, .software = "latentd test"});
}

// A file of this header and so many bytes of values.
std::string WithHeader(const std::string& header, size_t bytes = 24) {
  const uint64_t length = header.size();
  std::string file(8, '\0');
  std::memcpy(file.data(), &length, 8);
  return file + header + std::string(bytes, '\0');
}

std::string Error(const std::string& file) {
  const auto latent = DecodeLatent(file, {});
  EXPECT_EQ(latent.status().code(), absl::StatusCode::kInvalidArgument) << latent.status();
  EXPECT_EQ(OpenImage(std::make_shared<const std::string>(file), "").status().code(),
            absl::StatusCode::kInvalidArgument);
  return std::string(latent.status().message());
}

TEST(LatentFile, ReadsWhatItWrote) {
  const std::string file = File();
  ASSERT_TRUE(IsLatent(file));
  const auto latent = DecodeLatent(file, {});
  ASSERT_TRUE(latent.ok()) << latent.status();
  EXPECT_EQ(latent->shape.channels, 2);
  EXPECT_EQ(latent->shape.width, 3);
  EXPECT_EQ(latent->shape.height, 1);
  EXPECT_EQ(latent->values, Small().values);
  EXPECT_THAT(file, HasSubstr("trainedAlgorithmicMedia"));
  EXPECT_THAT(file, HasSubstr("Seed: 7"));
  const auto opened = OpenImage(std::make_shared<const std::string>(file), "");
  ASSERT_TRUE(opened.ok()) << opened.status();
  EXPECT_EQ(opened->latent->height, 1);
  EXPECT_EQ(opened->width, 0);
}

TEST(LatentFile, PicturesAreNone) {
  EXPECT_FALSE(IsLatent("\x89PNG\r\n\x1a\n and more"));
  EXPECT_FALSE(IsLatent("RIFF\x10\x01\x01\x02WEBP"));
  EXPECT_FALSE(IsLatent("\xff\xd8\xff\xe0\x00\x10JFIF"));
  EXPECT_FALSE(IsLatent(""));
}

TEST(LatentFile, EveryFaultIsNamed) {
  const std::string file = File();
  EXPECT_THAT(Error(file.substr(0, file.size() - 1)), HasSubstr("24 bytes of its shape; the file has 23"));
  EXPECT_THAT(Error(file + "x"), HasSubstr("the file has 25"));
  EXPECT_THAT(Error(file.substr(0, 40)), HasSubstr("cut off"));
  EXPECT_THAT(Error(WithHeader("{ this is not JSON")), HasSubstr("not JSON"));
  EXPECT_THAT(Error(WithHeader("{}")), HasSubstr("named \"latent\""));
  EXPECT_THAT(Error(WithHeader(R"({"latent":{},"other":{}})")), HasSubstr("one tensor of its file"));
  EXPECT_THAT(Error(WithHeader(R"({"latent":3})")), HasSubstr("F32"));
  EXPECT_THAT(Error(WithHeader(R"({"latent":{"dtype":"F16","shape":[2,1,3],"data_offsets":[0,12]}})")),
              HasSubstr("F32"));
  for (const char* shape : {"[2,3]", "[0,1,3]", "[2,1,-3]", "[2,1,1.5]", "[2,1,99999999]", "[4294967296,1,3]", "[]"}) {
    EXPECT_THAT(
        Error(WithHeader(R"({"latent":{"dtype":"F32","shape":)" + std::string(shape) + R"(,"data_offsets":[0,24]}})")),
        HasSubstr("shape"))
        << shape;
  }
  EXPECT_THAT(Error(WithHeader(R"({"latent":{"dtype":"F32","shape":[2,1,3],"data_offsets":[4,28]}})")),
              HasSubstr("24 bytes"));
}

TEST(LatentFile, ValuesAreFinite) {
  Latent latent = Small();
  latent.values[4] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(std::string(DecodeLatent(File(latent), {}).status().message()), HasSubstr("NaN"));
}

TEST(LatentFile, LimitsHold) {
  EXPECT_THAT(std::string(InspectLatent(File(), {.max_bytes = 100}).status().message()), HasSubstr("at most 100"));
  EXPECT_THAT(std::string(InspectLatent(File(), {.max_edge = 2}).status().message()), HasSubstr("2"));
}

}  // namespace
}  // namespace latentd::imaging
