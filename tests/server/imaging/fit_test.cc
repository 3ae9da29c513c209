#include "server/imaging/fit.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/server/imaging/golden.h"
#include "tests/server/imaging/test_picture.h"

namespace latentd::imaging {
namespace {

using ::testing::HasSubstr;

TEST(FitTo, IsWhatDiffusersResizeModesMake) {
  const std::map<std::string, Fit> fits = {{"default", Fit::kStretch}, {"crop", Fit::kCrop}, {"fill", Fit::kPad}};
  for (const nlohmann::json& golden : GoldenCases("fit")) {
    const auto ours = FitTo(GoldenPicture("resize/" + golden["file"].get<std::string>()), golden["width"],
                            golden["height"], fits.at(golden["mode"]), golden["filter"].get<Filter>());
    ASSERT_TRUE(ours.ok()) << golden << ours.status();
    EXPECT_EQ(Difference(golden, *ours), "") << golden;
  }
}

TEST(FitTo, ScalesByLanczosUnlessTold) {
  EXPECT_EQ(FitTo(TestPicture(20, 20), 33, 9, Fit::kStretch)->rgb,
            Resample(TestPicture(20, 20), 33, 9, Filter::kLanczos).rgb);
}

TEST(FitTo, RefusesAnotherSizeAndNamesBoth) {
  const auto refused = FitTo(TestPicture(20, 30), 64, 48, Fit::kRefuse);
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("20x30"));
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("64x48"));
  EXPECT_EQ(FitTo(TestPicture(20, 30), 20, 30, Fit::kRefuse)->rgb, TestPicture(20, 30).rgb);
}

TEST(FitTo, RefusesSizesThatAreNone) {
  EXPECT_FALSE(FitTo(TestPicture(2, 2), 0, 2, Fit::kStretch).ok());
  EXPECT_FALSE(FitTo(TestPicture(2, 2), 2, -1, Fit::kPad).ok());
}

TEST(FitTo, KeepsOnePixelOfAPictureThatWouldVanish) {
  const auto padded = FitTo(TestPicture(3000, 1), 64, 64, Fit::kPad);
  ASSERT_TRUE(padded.ok());
  EXPECT_TRUE(padded->valid());
  for (int y = 1; y < 64; ++y) {  // one line, continued up and down
    EXPECT_TRUE(std::equal(padded->rgb.begin(), padded->rgb.begin() + 192, padded->rgb.begin() + y * 192));
  }
}

TEST(FitTo, PadsAnOddSizeToItsEnd) {
  Picture white{.width = 20, .height = 10, .rgb = std::vector<uint8_t>(600, 255)};
  for (const int height : {11, 13, 21}) {
    const auto padded = FitTo(white, 20, height, Fit::kPad);
    ASSERT_TRUE(padded.ok());
    EXPECT_EQ(padded->rgb, std::vector<uint8_t>(static_cast<size_t>(20 * height * 3), 255));
  }
}

TEST(FitTo, CropsAVeryThinPictureWithoutScalingTheWhole) {
  const auto cropped = FitTo(TestPicture(16384, 1), 512, 512, Fit::kCrop);  // the whole would be 8 million wide
  ASSERT_TRUE(cropped.ok());
  EXPECT_TRUE(cropped->valid());
}

}  // namespace
}  // namespace latentd::imaging
