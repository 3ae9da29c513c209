#include "server/imaging/resample.h"

#include <gtest/gtest.h>

#include "server/imaging/mask.h"
#include "tests/server/imaging/golden.h"
#include "tests/server/imaging/test_picture.h"

namespace latentd::imaging {
namespace {

TEST(Resample, IsPillowsResizeByteForByte) {
  for (const nlohmann::json& golden : GoldenCases("resize")) {
    const Picture source = GoldenPicture("resize/" + golden["file"].get<std::string>());
    const Picture ours = Resample(source, golden["width"], golden["height"], golden["filter"].get<Filter>());
    EXPECT_EQ(Difference(golden, ours), "") << golden;
  }
}

TEST(Resample, DoesTheSameForOneChannel) {
  for (const nlohmann::json& golden : GoldenCases("mask")) {
    if (golden["kind"] != "resized grey") continue;
    const Plane source = ToGrey(GoldenPicture("resize/" + golden["file"].get<std::string>()));
    const Plane ours = Resample(source, golden["width"], golden["height"], golden["filter"].get<Filter>());
    EXPECT_EQ(Difference(golden, ours), "") << golden;
  }
}

TEST(Resample, LeavesAPictureOfThatSizeAlone) {
  for (const Filter filter : {Filter::kNearest, Filter::kLanczos, Filter::kBilinear, Filter::kBicubic, Filter::kBox}) {
    EXPECT_EQ(Resample(TestPicture(31, 17), 31, 17, filter).rgb, TestPicture(31, 17).rgb);
  }
}

TEST(Resample, KeepsAFlatColour) {
  const Picture flat{.width = 13, .height = 7, .rgb = std::vector<uint8_t>(13 * 7 * 3, 201)};
  for (const Filter filter : {Filter::kNearest, Filter::kLanczos, Filter::kBilinear, Filter::kBicubic, Filter::kBox}) {
    EXPECT_EQ(Resample(flat, 40, 3, filter).rgb, std::vector<uint8_t>(40 * 3 * 3, 201));
  }
}

TEST(ResampleWindow, IsThatPartOfTheWhole) {
  const Picture source = TestPicture(41, 29);
  for (const Filter filter : {Filter::kNearest, Filter::kLanczos, Filter::kBicubic}) {
    const Picture whole = Resample(source, 67, 19, filter);
    const Picture part = ResampleWindow(source, {.begin = 0, .end = 41, .size = 67, .first = 20, .count = 30},
                                        {.begin = 0, .end = 29, .size = 19, .first = 3, .count = 11}, filter);
    ASSERT_TRUE(part.valid());
    for (int y = 0; y < 11; ++y) {
      for (int i = 0; i < 30 * 3; ++i) {
        ASSERT_EQ(part.rgb[static_cast<size_t>(y * 90 + i)], whole.rgb[static_cast<size_t>((y + 3) * 201 + 60 + i)]);
      }
    }
  }
}

}  // namespace
}  // namespace latentd::imaging
