#include "server/metrics/stats_collector.h"

#include <gtest/gtest.h>

#include "server/metrics/fan_out_observer.h"
#include "tests/server/core/fake_clock.h"

namespace latentd::metrics {
namespace {

using core::JobState;

core::StageRun Forward(int rows, int lanes) {
  return {.stage = core::Stage::kPredict, .model = "m", .rows = rows, .lanes = lanes, .pixels = 0, .time = {}};
}

class StatsCollectorTest : public testing::Test {
 protected:
  core::FakeClock clock_;
  StatsCollector collector_{&clock_,
                            {.version = "1.2.3",
                             .device = "cpu",
                             .dtype = "float32",
                             .running_rows = [] { return 5; },
                             .draining = [] { return true; }}};
};

TEST_F(StatsCollectorTest, SaysWhatItWasTold) {
  clock_.Advance(absl::Seconds(90));
  const core::Stats stats = collector_.Get();
  EXPECT_EQ(stats.version, "1.2.3");
  EXPECT_EQ(stats.device, "cpu");
  EXPECT_EQ(stats.dtype, "float32");
  EXPECT_EQ(stats.running_rows, 5);
  EXPECT_TRUE(stats.draining);
  EXPECT_EQ(stats.uptime, absl::Seconds(90));
}

TEST_F(StatsCollectorTest, JobsMoveFromQueuedToRunningToEnded) {
  collector_.OnQueuedWork("m", 3, 300);
  collector_.OnQueuedWork("n", 1, 100);
  EXPECT_EQ(collector_.Get().queued_jobs, 4);
  collector_.OnQueuedWork("m", 1, 100);
  collector_.OnJobStarted("m", absl::Seconds(1));
  EXPECT_EQ(collector_.Get().queued_jobs, 2);
  EXPECT_EQ(collector_.Get().running_jobs, 1);
  collector_.OnJobEnded("m", JobState::kRunning, JobState::kCompleted, absl::Seconds(2));
  collector_.OnJobEnded("m", JobState::kQueued, JobState::kCancelled, absl::Seconds(2));
  EXPECT_EQ(collector_.Get().running_jobs, 0);
  collector_.OnJobStarted("m", absl::Seconds(1));
  collector_.OnJobRequeued("m");
  EXPECT_EQ(collector_.Get().running_jobs, 0);
}

TEST_F(StatsCollectorTest, RatesAreOfTheLastSixtySecondsAndCountsOfAllTime) {
  collector_.OnStageRun(Forward(8, 16));
  collector_.OnImage("m");
  clock_.Advance(absl::Seconds(60));
  collector_.OnStageRun(Forward(2, 4));
  collector_.OnStageRun(Forward(4, 4));
  collector_.OnImage("m");
  collector_.OnImage("m");
  collector_.OnImage("m");
  const core::Stats stats = collector_.Get();
  EXPECT_DOUBLE_EQ(stats.evaluations_per_second, 6.0 / 60);
  EXPECT_DOUBLE_EQ(stats.images_per_second, 3.0 / 60);
  EXPECT_DOUBLE_EQ(stats.mean_batch_rows, 3);
  EXPECT_DOUBLE_EQ(stats.mean_batch_lanes, 4);
  EXPECT_EQ(stats.forwards, 3);
  EXPECT_EQ(stats.evaluations, 14);
  EXPECT_EQ(stats.images, 4);
}

TEST_F(StatsCollectorTest, AYoungServerDividesByItsAge) {
  collector_.OnStageRun(Forward(10, 10));
  EXPECT_DOUBLE_EQ(collector_.Get().evaluations_per_second, 10);
  clock_.Advance(absl::Seconds(5));
  EXPECT_DOUBLE_EQ(collector_.Get().evaluations_per_second, 2);
}

TEST_F(StatsCollectorTest, IdleMeansAreZero) {
  collector_.OnStageRun(Forward(10, 10));
  clock_.Advance(absl::Minutes(3));
  EXPECT_EQ(collector_.Get().mean_batch_rows, 0);
  EXPECT_EQ(collector_.Get().evaluations_per_second, 0);
}

TEST_F(StatsCollectorTest, OnlyTheUnetsForwardsCount) {
  core::StageRun run = Forward(3, 3);
  run.stage = core::Stage::kDecode;
  collector_.OnStageRun(run);
  EXPECT_EQ(collector_.Get().forwards, 0);
}

TEST_F(StatsCollectorTest, AFanOutTellsEverybody) {
  StatsCollector other(&clock_, {});
  FanOutObserver both({&collector_, &other});
  both.OnQueuedWork("m", 1, 100);
  both.OnStageRun(Forward(1, 2));
  both.OnImage("m");
  for (const StatsCollector* collector : {&collector_, &other}) {
    EXPECT_EQ(collector->Get().queued_jobs, 1);
    EXPECT_EQ(collector->Get().forwards, 1);
    EXPECT_EQ(collector->Get().images, 1);
  }
}

}  // namespace
}  // namespace latentd::metrics
