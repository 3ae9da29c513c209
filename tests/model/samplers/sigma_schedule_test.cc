#include "model/samplers/sigma_schedule.h"

#include <gtest/gtest.h>

namespace latentd::model {
namespace {

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
  EXPECT_EQ(SigmaToTimestep(1.0, {0}), 0);
}

TEST(SigmaScheduleTest, TheOtherPrecisionGivesTheSameTimestep) {
  const NoiseSchedule noise({});
  const std::vector<float> log_sigmas = LogSigmas(noise.sigmas());
  for (const float sigma : {0.0F, 0.02F, 1.0F, 17.3F, 1e9F}) {
    EXPECT_NEAR(SigmaToTimestep(sigma, log_sigmas), SigmaToTimestep(static_cast<double>(sigma), log_sigmas), 1e-2);
  }
}

}  // namespace
}  // namespace latentd::model
