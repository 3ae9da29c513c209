// The parts that samplers are made of, where a rule can be said without the reference.

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/sin.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

#include "model/samplers/noise_schedule.h"
#include "model/samplers/prediction.h"
#include "model/samplers/sigma_schedule.h"
#include "model/samplers/timestep_spacing.h"

namespace latentd::model {
namespace {

using testing::DoubleNear;
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

TEST(TimestepSpacingTest, LinspaceOfOneNumberIsItsStart) {
  EXPECT_THAT(Linspace(2, 5, 1), ElementsAre(2));
  EXPECT_THAT(Linspace(0, 9, 4), ElementsAre(0, 3, 6, 9));
}

TEST(TimestepSpacingTest, EachSpacingVisitsItsOwnTimesteps) {
  SamplerSettings settings{
      .num_train_timesteps = 100, .timestep_spacing = TimestepSpacing::kLeading, .steps_offset = 1};
  EXPECT_THAT(SpacedTimesteps(settings, 4), ElementsAre(76, 51, 26, 1));
  settings.timestep_spacing = TimestepSpacing::kTrailing;
  EXPECT_THAT(SpacedTimesteps(settings, 4), ElementsAre(99, 74, 49, 24));
  settings.timestep_spacing = TimestepSpacing::kLinspace;
  EXPECT_THAT(SpacedTimesteps(settings, 4), ElementsAre(99, 66, 33, 0));
}

TEST(TimestepSpacingTest, TrailingRoundsToATimestepTooManyAsTheReferenceDoes) {
  const SamplerSettings settings{.timestep_spacing = TimestepSpacing::kTrailing};
  EXPECT_EQ(SpacedTimesteps(settings, 60).size(), 60U);
  EXPECT_EQ(SpacedTimesteps(settings, 61).size(), 62U);
  EXPECT_EQ(SpacedTimesteps(settings, 61).back(), -1);
}

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

class PredictionTest : public testing::Test {
 protected:
  at::Tensor clean_ = at::sin(at::linspace(0, 5, 24)).reshape({2, 3, 4});
  at::Tensor noise_ = at::sin(at::linspace(3, 20, 24)).reshape({2, 3, 4});
};

TEST_F(PredictionTest, EveryTypeOfPredictionLeadsBackToTheCleanLatent) {
  const Mixture mixture = MixtureOfAlpha(0.3F);
  const at::Tensor latent = mixture.signal * clean_ + mixture.noise * noise_;
  const at::Tensor velocity = mixture.signal * noise_ - mixture.noise * clean_;
  EXPECT_TRUE(PredictClean(PredictionType::kEpsilon, latent, noise_, mixture).allclose(clean_, 1e-5, 1e-6));
  EXPECT_TRUE(PredictClean(PredictionType::kV, latent, velocity, mixture).allclose(clean_, 1e-5, 1e-6));
  EXPECT_TRUE(PredictClean(PredictionType::kSample, latent, clean_, mixture).equal(clean_));

  const float sigma = mixture.noise / mixture.signal;
  const at::Tensor unscaled = clean_ + sigma * noise_;
  EXPECT_TRUE(PredictCleanFromSigma(PredictionType::kEpsilon, unscaled, noise_, sigma).allclose(clean_, 1e-5, 1e-6));
  EXPECT_TRUE(PredictCleanFromSigma(PredictionType::kV, unscaled, velocity, sigma).allclose(clean_, 1e-5, 1e-6));
  EXPECT_TRUE(PredictCleanFromSigma(PredictionType::kSample, unscaled, clean_, sigma).equal(clean_));
}

TEST_F(PredictionTest, ClippingBoundsEveryElement) {
  const at::Tensor bounded = BoundClean({.clip_sample = true, .clip_sample_range = 0.5}, clean_);
  EXPECT_EQ(bounded.abs().max().item<float>(), 0.5F);
  EXPECT_TRUE(BoundClean({}, clean_).equal(clean_));
}

TEST_F(PredictionTest, ThresholdingScalesByTheQuantileAndWinsOverClipping) {
  const SamplerSettings settings{.clip_sample = true,
                                 .clip_sample_range = 0.1,
                                 .thresholding = true,
                                 .dynamic_thresholding_ratio = 0.9,
                                 .sample_max_value = 4.0};
  // Nothing is above 1: clipping to [-1, 1].
  EXPECT_TRUE(BoundClean(settings, clean_).equal(clean_));
  EXPECT_TRUE(BoundClean(settings, at::full({2, 3}, 3.0)).equal(at::full({2, 3}, 1.0)));
  EXPECT_TRUE(BoundClean(settings, at::full({2, 3}, 9.0)).equal(at::full({2, 3}, 1.0)));
}

}  // namespace
}  // namespace latentd::model
