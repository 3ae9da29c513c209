#include "server/imaging/picture.h"

#include <gtest/gtest.h>

#include "tests/server/imaging/test_picture.h"

namespace latentd::imaging {
namespace {

TEST(Downscale, MakesTheLongerEdgeFitAndKeepsTheShape) {
  const Picture wide = Downscale(TestPicture(200, 100), 50);
  EXPECT_EQ(wide.width, 50);
  EXPECT_EQ(wide.height, 25);
  EXPECT_TRUE(wide.valid());
  const Picture tall = Downscale(TestPicture(30, 100), 64);
  EXPECT_EQ(tall.width, 19);
  EXPECT_EQ(tall.height, 64);
}

TEST(Downscale, LeavesSmallPicturesAndNoLimitAlone) {
  EXPECT_EQ(Downscale(TestPicture(20, 10), 20).rgb, TestPicture(20, 10).rgb);
  EXPECT_EQ(Downscale(TestPicture(20, 10), 0).rgb, TestPicture(20, 10).rgb);
}

TEST(Downscale, NeverMakesAnEdgeVanish) {
  const Picture thin = Downscale(TestPicture(1000, 1), 10);
  EXPECT_EQ(thin.width, 10);
  EXPECT_EQ(thin.height, 1);
}

TEST(Downscale, AveragesAreas) {
  Picture checkered{.width = 4, .height = 2, .rgb = {}};
  for (int i = 0; i < 8; ++i) checkered.rgb.insert(checkered.rgb.end(), 3, (i + i / 4) % 2 == 0 ? 200 : 100);
  const Picture small = Downscale(checkered, 2);
  EXPECT_EQ(small.rgb, std::vector<uint8_t>(6, 150));
}

}  // namespace
}  // namespace latentd::imaging
