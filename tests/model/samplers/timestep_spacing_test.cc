#include "model/samplers/timestep_spacing.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace latentd::model {
namespace {

using testing::ElementsAre;

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

}  // namespace
}  // namespace latentd::model
