#include "model/samplers/reference_math.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace latentd::model {
namespace {

// Of numpy 2.4.6 on x86: numpy.log of float32. The first ones differ from the nearest float.
TEST(NumpyLogTest, AgreesWithNumpyToTheBit) {
  const std::pair<float, float> expected[] = {
      {0x1.983f42p+5F, 0x1.f759e8p+1F},
      {0x1.d03190p+0F, 0x1.30b422p-1F},
      {0x1.94996cp+0F, 0x1.d4b47cp-2F},
      {0x1.aca3b8p-1F, -0x1.6bf25ap-3F},
      {0x1.36716cp+0F, 0x1.8ae6ccp-3F},
      {0x1.3a4d62p-1F, -0x1.f3ae44p-2F},
      {0x1.1ee5fcp+0F, 0x1.d2bde4p-4F},
      {0x1.728a50p+5F, 0x1.eaf258p+1F},
      {1.0F, 0.0F},
      {2.0F, 0x1.62e430p-1F},
      {0.5F, -0x1.62e430p-1F},
      {0x1.d3ab30p+3F, 0x1.574c92p+1F},
      {0x1.dddf44p-6F, -0x1.c4719ep+1F},
  };
  for (const auto& [x, log] : expected) EXPECT_EQ(NumpyLog(x), log) << x;
}

TEST(NumpyLogTest, IsALogarithmEverywhere) {
  for (float x = 1e-37F; x < 1e37F; x *= 1.37F)
    EXPECT_NEAR(NumpyLog(x), std::log(x), 2e-7 * std::abs(std::log(x)) + 1e-7);
  EXPECT_EQ(NumpyLog(0), -std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(NumpyLog(-1)));
  EXPECT_EQ(NumpyLog(std::numeric_limits<float>::infinity()), std::numeric_limits<float>::infinity());
}

TEST(TableTest, ValuesGoThereAndBack) {
  const std::vector<float> values = {1, -2, 0.5F};
  EXPECT_EQ(TableValues(TableTensor(values)), values);
  EXPECT_EQ(TableValues(TableTensor(values).flip(0)), (std::vector<float>{0.5F, -2, 1}));
}

}  // namespace
}  // namespace latentd::model
