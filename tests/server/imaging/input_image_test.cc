#include "server/imaging/input_image.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/imaging/encode.h"
#include "tests/server/imaging/golden.h"
#include "tests/server/imaging/test_picture.h"

namespace latentd::imaging {
namespace {

using ::testing::HasSubstr;
using ::testing::SizeIs;

void ExpectRefused(const absl::Status& status, const std::string& words) {
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr(words));
}

TEST(DecodeImage, IsWhatPillowMakesOfEveryKindOfFile) {
  for (const nlohmann::json& golden : GoldenCases("decode")) {
    SCOPED_TRACE(golden["file"]);
    const auto picture = DecodeImage(ReadGolden("files/" + golden["file"].get<std::string>()), InputLimits());
    ASSERT_TRUE(picture.ok()) << picture.status();
    EXPECT_TRUE(picture->valid());
    EXPECT_EQ(Difference(golden, *picture), "");
  }
}

// Where the alpha of Pillow's convert("RGBA") is 0, as tests/golden/imaging tells for all kinds of PNG files that have
// alpha.
TEST(DecodeTransparency, IsWhiteWhereAPictureIsWhollyTransparent) {
  int count = 0;
  for (const nlohmann::json& golden : GoldenCases("transparency")) {
    SCOPED_TRACE(golden["file"]);
    const auto picture = DecodeTransparency(ReadGolden("files/" + golden["file"].get<std::string>()), InputLimits());
    ASSERT_TRUE(picture.ok()) << picture.status();
    EXPECT_EQ(Difference(golden, *picture), "");
    ++count;
  }
  EXPECT_EQ(count, 7);
}

TEST(DecodeTransparency, RefusesFilesThatCannotHaveAny) {
  for (const char* file : {"rgb.png", "grey.png", "palette8.png"}) {
    ExpectRefused(DecodeTransparency(ReadGolden(std::string("files/") + file), InputLimits()).status(),
                  "has no transparency");
  }
  for (const char* file : {"rgb.jpg", "alpha.webp"}) {
    ExpectRefused(DecodeTransparency(ReadGolden(std::string("files/") + file), InputLimits()).status(),
                  "must be a PNG file");
  }
  const std::string file = ReadGolden("files/rgba.png");
  for (size_t length = 0; length < file.size(); ++length) {
    ASSERT_FALSE(DecodeTransparency(std::string_view(file).substr(0, length), InputLimits()).ok()) << length;
  }
}

TEST(DecodeImage, RefusesEveryFileWhereverItIsCutOff) {
  for (const nlohmann::json& golden : GoldenCases("decode")) {
    const std::string name = golden["file"];
    std::string file = ReadGolden("files/" + name);
    if (name == "padded.jpg") file.resize(file.rfind("\xff\xd9") + 2);  // what follows a JPEG's end is not looked at
    for (size_t length = 0; length < file.size(); ++length) {
      const auto picture = DecodeImage(std::string_view(file).substr(0, length), InputLimits());
      ASSERT_EQ(picture.status().code(), absl::StatusCode::kInvalidArgument) << name << " cut to " << length;
    }
  }
}

TEST(DecodeImage, RefusesAFileWithABitFlippedOrGivesAPictureWithinTheLimits) {
  const InputLimits limits{.max_bytes = 1 << 20, .max_pixels = 1 << 16, .max_edge = 1 << 12};
  for (const nlohmann::json& golden : GoldenCases("decode")) {
    std::string file = ReadGolden("files/" + golden["file"].get<std::string>());
    for (size_t i = 0; i < file.size(); ++i) {
      SCOPED_TRACE(i);
      file[i] = static_cast<char>(file[i] ^ 1 << i % 8);
      const auto picture = DecodeImage(file, limits);
      if (picture.ok()) {
        ASSERT_TRUE(picture->valid());
        ASSERT_LE(int64_t{picture->width} * picture->height, limits.max_pixels);
      } else {
        ASSERT_EQ(picture.status().code(), absl::StatusCode::kInvalidArgument) << golden << picture.status();
      }
      file[i] = static_cast<char>(file[i] ^ 1 << i % 8);
    }
  }
}

TEST(DecodeImage, TellsWhyItRefusesAFile) {
  for (const nlohmann::json& golden : GoldenCases("refused")) {
    SCOPED_TRACE(golden["file"]);
    const std::string file = ReadGolden("bad/" + golden["file"].get<std::string>());
    ExpectRefused(DecodeImage(file, InputLimits()).status(), golden["words"]);
  }
}

TEST(InspectImage, SeesWhatDecodeImageWillGive) {
  for (const nlohmann::json& golden : GoldenCases("decode")) {
    const std::string name = golden["file"];
    SCOPED_TRACE(name);
    const auto info = InspectImage(ReadGolden("files/" + name), InputLimits());
    ASSERT_TRUE(info.ok()) << info.status();
    EXPECT_EQ(info->width, golden["width"]);
    EXPECT_EQ(info->height, golden["height"]);
    const auto format = name.ends_with(".png")   ? core::ImageFormat::kPng
                        : name.ends_with(".jpg") ? core::ImageFormat::kJpeg
                                                 : core::ImageFormat::kWebp;
    EXPECT_EQ(info->format, format);
  }
}

TEST(InspectImage, HoldsTheLimitsExactly) {
  const std::string file = ReadGolden("files/rgb.png");  // 23x14
  const auto check = [&](InputLimits limits) { return InspectImage(file, limits).status(); };
  EXPECT_TRUE(check({.max_bytes = file.size(), .max_pixels = 23 * 14, .max_edge = 23}).ok());
  ExpectRefused(check({.max_bytes = file.size() - 1}), "662 bytes; at most 661");
  ExpectRefused(check({.max_pixels = 23 * 14 - 1}), "23x14 pixels; at most 321");
  ExpectRefused(check({.max_edge = 22}), "at most 22");
  EXPECT_EQ(DecodeImage(file, {.max_edge = 22}).status(), check({.max_edge = 22}));
}

TEST(InspectImage, GivesTheSizeOfTheUprightPicture) {
  const auto info = InspectImage(ReadGolden("files/exif6.jpg"), InputLimits());
  ASSERT_TRUE(info.ok());
  EXPECT_EQ(info->orientation, 6);
  EXPECT_EQ(info->width, 21);
  EXPECT_EQ(info->height, 37);
}

TEST(DecodeImage, ReadsWhatEncodeWrites) {
  const Picture picture = TestPicture(61, 35);
  for (const auto format : {core::ImageFormat::kPng, core::ImageFormat::kJpeg, core::ImageFormat::kWebp}) {
    const auto file = Encode(picture, format, 95, TestMetadata());
    ASSERT_TRUE(file.ok());
    const auto decoded = DecodeImage(*file, InputLimits());
    ASSERT_TRUE(decoded.ok()) << decoded.status();
    EXPECT_THAT(decoded->rgb, SizeIs(picture.rgb.size()));
    if (format == core::ImageFormat::kPng) {
      EXPECT_EQ(decoded->rgb, picture.rgb);
    }
  }
}

}  // namespace
}  // namespace latentd::imaging
