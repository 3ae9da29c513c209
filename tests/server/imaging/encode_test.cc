#include "server/imaging/encode.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <opencv2/core.hpp>
#include <opencv2/imgcodecs.hpp>

#include "server/imaging/containers.h"
#include "tests/server/imaging/test_picture.h"

namespace latentd::imaging {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

// Width, height and bytes in RGB.
Picture Decode(const std::string& file) {
  const cv::Mat raw(1, static_cast<int>(file.size()), CV_8UC1, const_cast<char*>(file.data()));
  const cv::Mat bgr = cv::imdecode(raw, cv::IMREAD_COLOR);
  Picture picture{.width = bgr.cols, .height = bgr.rows, .rgb = {}};
  for (int y = 0; y < bgr.rows; ++y) {
    for (int x = 0; x < bgr.cols; ++x) {
      const auto pixel = bgr.at<cv::Vec3b>(y, x);
      picture.rgb.insert(picture.rgb.end(), {pixel[2], pixel[1], pixel[0]});
    }
  }
  return picture;
}

class EncodeInEveryFormat : public testing::TestWithParam<core::ImageFormat> {};
INSTANTIATE_TEST_SUITE_P(Formats, EncodeInEveryFormat,
                         testing::Values(core::ImageFormat::kPng, core::ImageFormat::kJpeg, core::ImageFormat::kWebp));

TEST_P(EncodeInEveryFormat, KeepsThePicture) {
  const Picture picture = TestPicture(64, 48);
  const auto file = Encode(picture, GetParam(), 95, TestMetadata());
  ASSERT_TRUE(file.ok()) << file.status();
  const Picture decoded = Decode(*file);
  ASSERT_EQ(decoded.width, 64);
  ASSERT_EQ(decoded.height, 48);
  if (GetParam() == core::ImageFormat::kPng) {
    EXPECT_EQ(decoded.rgb, picture.rgb);
    return;
  }
  double red = 0;  // a gradient, which survives the loss; swapped channels would not
  for (size_t i = 0; i < picture.rgb.size(); i += 3) red += std::abs(int{picture.rgb[i]} - int{decoded.rgb[i]});
  EXPECT_LT(red / 64 / 48, 12);
}

TEST_P(EncodeInEveryFormat, IsTheSameBytesEachTime) {
  EXPECT_EQ(*Encode(TestPicture(9, 9), GetParam(), 90, TestMetadata()),
            *Encode(TestPicture(9, 9), GetParam(), 90, TestMetadata()));
}

TEST_P(EncodeInEveryFormat, OmittedPromptsAreNowhereInTheFile) {
  Metadata metadata = TestMetadata("secret");
  metadata.fields.negative_prompt = "secret";
  metadata.fields.omit_prompts = true;
  const std::string file = *Encode(TestPicture(9, 9), GetParam(), 90, metadata);
  EXPECT_THAT(file, Not(HasSubstr("secret")));
  EXPECT_THAT(file, Not(HasSubstr(std::string("s\0e\0c", 5))));
}

TEST_P(EncodeInEveryFormat, PreviewsAreMarkedAndCarryNoParameters) {
  const std::string file = *EncodePreview(TestPicture(9, 9), GetParam(), 80, "latentd 0.1.0");
  EXPECT_THAT(file, HasSubstr("trainedAlgorithmicMedia"));
  EXPECT_THAT(file, Not(HasSubstr("arameters>")));
}

TEST_P(EncodeInEveryFormat, RefusesAPictureWhoseSizeAndBytesDisagree) {
  Picture picture = TestPicture(9, 9);
  picture.rgb.pop_back();
  EXPECT_EQ(Encode(picture, GetParam(), 90, TestMetadata()).status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(Encode(Picture(), GetParam(), 90, TestMetadata()).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST(Encode, RefusesQualitiesOutOfRangeAndWebpsThatAreTooWide) {
  for (const int quality : {0, 101}) {
    EXPECT_FALSE(Encode(TestPicture(9, 9), core::ImageFormat::kJpeg, quality, TestMetadata()).ok());
    EXPECT_TRUE(Encode(TestPicture(9, 9), core::ImageFormat::kPng, quality, TestMetadata()).ok());
  }
  EXPECT_EQ(Encode(TestPicture(16384, 1), core::ImageFormat::kWebp, 90, TestMetadata()).status().code(),
            absl::StatusCode::kInvalidArgument);
}

TEST(Containers, RefuseFilesOfOtherFormats) {
  EXPECT_FALSE(InsertIntoPng("GIF89a", {}).ok());
  EXPECT_FALSE(InsertIntoJpeg("", "", "x").ok());
  EXPECT_FALSE(InsertIntoJpeg("\xFF\xD8\xFF\xE0\xFF\xFF", "", "x").ok());
  EXPECT_FALSE(InsertIntoWebp("RIFF", 1, 1, "", "x").ok());
  EXPECT_FALSE(InsertIntoJpeg("\xFF\xD8", std::string(kMaxJpegExif + 1, 'x'), "x").ok());
}

TEST(MediaType, IsTheRegisteredOne) {
  EXPECT_EQ(MediaType(core::ImageFormat::kPng), "image/png");
  EXPECT_EQ(MediaType(core::ImageFormat::kJpeg), "image/jpeg");
  EXPECT_EQ(MediaType(core::ImageFormat::kWebp), "image/webp");
}

}  // namespace
}  // namespace latentd::imaging
