#include "tests/bench/fleet/fleet.h"

#include <gtest/gtest.h>

namespace latentd::bench {
namespace {

TEST(SimulatedFleet, EveryJobEndsOnceAndIsWrittenAsItsStepsSay) {
  Fleet fleet({.replicas = 2, .load = 0.5, .one_redis = true});
  fleet.Run(absl::Seconds(3));
  ASSERT_TRUE(fleet.Finish(absl::Seconds(60)));
  const Fleet::Counts counts = fleet.counts();
  const auto jobs = static_cast<int64_t>(fleet.jobs().size());
  int64_t steps = 0;
  for (const auto& [id, job] : fleet.jobs()) {
    steps += job.arrival.steps;
    EXPECT_GE(*job.began, job.arrival.time);
    EXPECT_GT(*job.ended, *job.began);
  }
  EXPECT_GT(jobs, 10);
  EXPECT_EQ(counts.refused, 0);
  EXPECT_EQ(counts.work.rows, steps);
  const auto calls = [&](const char* kind) { return counts.redis.kinds.at(kind).calls; };
  EXPECT_EQ(calls("create"), jobs);
  EXPECT_EQ(calls("take in"), jobs) << "each is claimed once";
  EXPECT_EQ(calls("write"), 3 * jobs + counts.work.progress + counts.work.checkpoints - counts.dropped)
      << "start, output and end";
  EXPECT_GE(counts.work.progress, jobs);
  EXPECT_LE(counts.work.progress, steps);
}

}  // namespace
}  // namespace latentd::bench
