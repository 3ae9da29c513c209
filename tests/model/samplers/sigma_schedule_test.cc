#include "model/samplers/sigma_schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

namespace latentd::model {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;

TEST(SigmaScheduleTest, InterpolatesBetweenTimestepsAndNotBeyondThem) {
  const std::vector<float> table = {1, 2, 4};
  EXPECT_EQ(Interpolate(table, -1), 1);
  EXPECT_EQ(Interpolate(table, 0.5), 1.5);
  EXPECT_EQ(Interpolate(table, 1), 2);
  EXPECT_EQ(Interpolate(table, 1.75), 3.5);
  EXPECT_EQ(Interpolate(table, 7), 4);
}

TEST(SigmaScheduleTest, ALevelOfTheTableHasItsTimestep) {
  const NoiseSchedule noise({});
  const std::vector<float> log_sigmas = LogSigmas(noise.sigmas());
  for (const int timestep : {0, 1, 500, 998, 999}) {
    EXPECT_NEAR(SigmaToTimestep(noise.sigmas()[timestep], log_sigmas), timestep, 1e-4);
  }
  EXPECT_EQ(SigmaToTimestep(1e-20, log_sigmas), 0);
  EXPECT_EQ(SigmaToTimestep(1e9, log_sigmas), 999);
  EXPECT_EQ(SigmaToTimestep(1, {0}), 0);
}

TEST(SigmaScheduleTest, KarrasSigmasFallFromTheHighestToTheLowest) {
  EXPECT_THAT(KarrasSigmas(0.1, 10, 1), ElementsAre(DoubleNear(10, 1e-12)));
  const std::vector<double> sigmas = KarrasSigmas(0.1, 10, 5);
  EXPECT_NEAR(sigmas.front(), 10, 1e-12);
  EXPECT_NEAR(sigmas.back(), 0.1, 1e-14);
  EXPECT_TRUE(std::is_sorted(sigmas.begin(), sigmas.end(), std::greater<>()));
}

}  // namespace
}  // namespace latentd::model
