#include "model/samplers/noise_schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

namespace latentd::model {
namespace {

using testing::ElementsAre;

TEST(NoiseScheduleTest, SignalFallsAndNoiseRises) {
  for (const BetaSchedule schedule :
       {BetaSchedule::kLinear, BetaSchedule::kScaledLinear, BetaSchedule::kSquaredCosine}) {
    const NoiseSchedule noise({.beta_schedule = schedule});
    EXPECT_EQ(noise.alphas().size(), 1000U);
    EXPECT_TRUE(std::is_sorted(noise.alphas().begin(), noise.alphas().end(), std::greater<>()));
    EXPECT_TRUE(std::is_sorted(noise.sigmas().begin(), noise.sigmas().end()));
  }
}

TEST(NoiseScheduleTest, RescalingKeepsTheFirstAlphaAndEndsWithoutSignal) {
  const NoiseSchedule plain({.beta_schedule = BetaSchedule::kScaledLinear});
  const NoiseSchedule rescaled({.beta_schedule = BetaSchedule::kScaledLinear, .rescale_betas_zero_snr = true});
  EXPECT_NEAR(rescaled.alphas().front(), plain.alphas().front(), 3e-7);
  EXPECT_EQ(rescaled.alphas().back(), 0);
  EXPECT_NEAR(rescaled.sigmas().back(), 4096, 1e-3);  // of the alpha 2^-24 in its place
}

TEST(NoiseScheduleTest, TrainedBetasReplaceTheSchedule) {
  const NoiseSchedule noise({.num_train_timesteps = 2, .trained_betas = {0.5, 0.5}});
  EXPECT_THAT(noise.alphas(), ElementsAre(0.5F, 0.25F));
  EXPECT_THAT(noise.sigmas(), ElementsAre(1.0F, testing::FloatNear(std::sqrt(3.0F), 1e-6)));
}

}  // namespace
}  // namespace latentd::model
