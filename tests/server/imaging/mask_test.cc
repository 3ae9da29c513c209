#include "server/imaging/mask.h"

#include <gtest/gtest.h>

#include "server/imaging/fit.h"
#include "tests/server/imaging/golden.h"

namespace latentd::imaging {
namespace {

TEST(ToMask, IsWhatDiffusersMaskProcessorMakes) {
  for (const nlohmann::json& golden : GoldenCases("mask")) {
    const Picture source = GoldenPicture("resize/" + golden["file"].get<std::string>());
    if (golden["kind"] == "grey") {
      EXPECT_EQ(Difference(golden, ToGrey(source)), "") << golden;
    } else if (golden["kind"] == "mask") {
      const auto fitted = FitTo(source, golden["width"], golden["height"], Fit::kStretch);
      ASSERT_TRUE(fitted.ok());
      EXPECT_EQ(Difference(golden, ToMask(*fitted)), "") << golden;
    }
  }
}

TEST(ToMask, DividesGreyInTheMiddle) {
  const Picture picture{.width = 4, .height = 1, .rgb = {0, 0, 0, 127, 127, 127, 128, 128, 128, 255, 255, 255}};
  EXPECT_EQ(ToMask(picture).values, (std::vector<uint8_t>{0, 0, 255, 255}));
  EXPECT_EQ(ToGrey(picture).values, (std::vector<uint8_t>{0, 127, 128, 255}));
}

}  // namespace
}  // namespace latentd::imaging
