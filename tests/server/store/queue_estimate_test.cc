#include "server/store/queue_estimate.h"

#include <gtest/gtest.h>

namespace latentd::store {
namespace {

TEST(QueueEstimateTest, NothingIsSaidBeforeAJobHasRun) {
  EXPECT_EQ(QueueEstimate().UntilStart(0, 4), std::nullopt);
  EXPECT_EQ(QueueEstimate().UntilRoom(4), absl::Seconds(1));
}

TEST(QueueEstimateTest, EachPlaceCostsARunningJobsShare) {
  QueueEstimate estimate;
  estimate.OnRan(absl::Seconds(8));
  EXPECT_EQ(estimate.UntilStart(0, 4), absl::Seconds(2));
  EXPECT_EQ(estimate.UntilStart(5, 4), absl::Seconds(12));
  EXPECT_EQ(estimate.UntilStart(0, 0), absl::ZeroDuration()) << "nothing runs, so it starts at once";
  EXPECT_EQ(estimate.UntilStart(2, 0), absl::Seconds(16));
}

TEST(QueueEstimateTest, FollowsWhatJobsTakeNow) {
  QueueEstimate estimate;
  for (int i = 0; i < 100; ++i) estimate.OnRan(absl::Seconds(1));
  for (int i = 0; i < 100; ++i) estimate.OnRan(absl::Seconds(9));
  EXPECT_NEAR(absl::ToDoubleSeconds(*estimate.UntilStart(0, 1)), 9, 0.1);
}

TEST(QueueEstimateTest, RetryIsBetweenASecondAndAMinute) {
  QueueEstimate estimate;
  estimate.OnRan(absl::Milliseconds(10));
  EXPECT_EQ(estimate.UntilRoom(1), absl::Seconds(1));
  for (int i = 0; i < 100; ++i) estimate.OnRan(absl::Hours(1));
  EXPECT_EQ(estimate.UntilRoom(1), absl::Minutes(1));
}

}  // namespace
}  // namespace latentd::store
