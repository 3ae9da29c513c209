#include "model/samplers/sigma_spacing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>

namespace latentd::model {
namespace {

using testing::DoubleNear;
using testing::ElementsAre;

constexpr SigmaSpacing kSpacings[] = {SigmaSpacing::kKarras, SigmaSpacing::kExponential, SigmaSpacing::kBeta};

TEST(SigmaSpacingTest, SigmasFallFromTheHighestToTheLowest) {
  for (const SigmaSpacing spacing : kSpacings) {
    EXPECT_THAT(SpacedSigmas(spacing, 0.1, 10, 1), ElementsAre(DoubleNear(10, 1e-12)));
    const std::vector<double> sigmas = SpacedSigmas(spacing, 0.1, 10, 1000);
    EXPECT_NEAR(sigmas.front(), 10, 1e-12);
    EXPECT_NEAR(sigmas.back(), 0.1, 1e-14);
    EXPECT_TRUE(std::is_sorted(sigmas.begin(), sigmas.end(), std::greater<>()));
  }
}

TEST(SigmaSpacingTest, TheMiddleLevelTellsTheSpacingsApart) {
  EXPECT_NEAR(SpacedSigmas(SigmaSpacing::kExponential, 0.1, 10, 3)[1], 1, 1e-12);
  EXPECT_NEAR(SpacedSigmas(SigmaSpacing::kBeta, 0.1, 10, 3)[1], 5.05, 1e-12);
  EXPECT_NEAR(SpacedSigmas(SigmaSpacing::kKarras, 1, 128, 3)[1], std::pow(1.5, 7), 1e-9);
}

// Of scipy 1.17.1: scipy.stats.beta.ppf(p, 0.6, 0.6).
TEST(SymmetricBetaQuantileTest, AgreesWithScipy) {
  const std::pair<double, double> expected[] = {
      {1e-300, 0},
      {1e-9, 1.85588246249141e-15},
      {0.001, 1.855873851745199e-05},
      {0.1, 0.03958440558878085},
      {0.3, 0.23401700387523572},
      {0.4999, 0.49986127490549975},
      {0.5, 0.5},
  };
  for (const auto& [p, x] : expected) {
    EXPECT_NEAR(SymmetricBetaQuantile(0.6, p), x, 4e-16 + 2e-15 * x) << p;
    EXPECT_NEAR(SymmetricBetaQuantile(0.6, 1 - p), 1 - x, 1e-15) << p;
  }
  EXPECT_EQ(SymmetricBetaQuantile(0.6, 0), 0);
  EXPECT_EQ(SymmetricBetaQuantile(0.6, 1), 1);
}

TEST(SymmetricBetaQuantileTest, KnowsTheDistributionsWithAFormula) {
  for (int i = 0; i <= 100; ++i) {
    const double p = i / 100.0;
    EXPECT_NEAR(SymmetricBetaQuantile(1, p), p, 1e-15);
    const double arcsine = std::sin(std::acos(0.0) * p);
    EXPECT_NEAR(SymmetricBetaQuantile(0.5, p), arcsine * arcsine, 2e-15);
  }
}

}  // namespace
}  // namespace latentd::model
