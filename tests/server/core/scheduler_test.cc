// Rules within one key: how rows begin, run together and leave.

#include "server/core/scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "tests/server/core/scheduler_fixture.h"

namespace latentd::core {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::SizeIs;

const BatchKey kKey = SchedulerFixture::Key();

TEST(SchedulerTest, NothingToDoGivesNoPlan) {
  SchedulerFixture f;
  EXPECT_FALSE(f.scheduler.NextPlan(f.now).has_value());
}

TEST(SchedulerTest, RowIsEncodedThenEvaluatedThenDecodedThenGone) {
  SchedulerFixture f;
  const RowId row = f.Submit(kKey, "job", /*evaluations=*/2);
  std::vector<Stage> stages;
  for (Plan plan = f.Tick(); !plan.rows.empty(); plan = f.Tick()) {
    EXPECT_THAT(plan.rows, ElementsAre(row));
    EXPECT_EQ(plan.key, kKey);
    stages.push_back(plan.stage);
  }
  EXPECT_THAT(stages, ElementsAre(Stage::kEncode, Stage::kPredict, Stage::kPredict, Stage::kDecode));
  EXPECT_EQ(f.scheduler.stats().active_rows, 0);
  EXPECT_EQ(f.scheduler.stats().waiting_rows, 0);
}

TEST(SchedulerTest, EvaluationsAreCountedNotSteps) {
  SchedulerFixture f;
  f.Submit(kKey, "heun with 10 steps", 2 * 10 - 1);
  int evaluations = 0;
  for (Plan plan = f.Tick(); !plan.rows.empty(); plan = f.Tick()) evaluations += plan.stage == Stage::kPredict ? 1 : 0;
  EXPECT_EQ(evaluations, 19);
}

TEST(SchedulerTest, RowWithoutEvaluationsGoesStraightToTheDecoder) {
  SchedulerFixture f;
  f.Submit(kKey, "job", /*evaluations=*/0);
  EXPECT_EQ(f.Tick().stage, Stage::kEncode);
  EXPECT_EQ(f.Tick().stage, Stage::kDecode);
  EXPECT_THAT(f.Tick().rows, IsEmpty());
}

TEST(SchedulerTest, RowsJoinBetweenSteps) {
  SchedulerFixture f;
  const RowId first = f.Submit(kKey, "a", 10);
  f.TickUntil(Stage::kPredict);
  const RowId second = f.Submit(kKey, "b", 10);
  EXPECT_THAT(f.Tick().rows, ElementsAre(second)) << "is encoded";
  EXPECT_THAT(f.Tick().rows, ElementsAre(first, second)) << "runs beside the first";
}

TEST(SchedulerTest, RowsOfDifferentLengthLeaveOneByOne) {
  SchedulerFixture f;
  const RowId brief = f.Submit(kKey, "a", 1);
  const RowId lengthy = f.Submit(kKey, "b", 3);
  EXPECT_THAT(f.TickUntil(Stage::kPredict).rows, ElementsAre(brief, lengthy));
  EXPECT_THAT(f.Tick().rows, ElementsAre(brief)) << "is decoded";
  EXPECT_THAT(f.Tick().rows, ElementsAre(lengthy));
}

TEST(SchedulerTest, BatchNeverHasMoreRowsThanAllowed) {
  SchedulerFixture f({.batching = {.max_batch_rows = 4}});
  for (int i = 0; i < 10; ++i) f.Submit(kKey);
  EXPECT_THAT(f.TickUntil(Stage::kPredict).rows, SizeIs(4));
}

TEST(SchedulerTest, BatchNeverHasMoreLanesThanAllowed) {
  SchedulerFixture f({.batching = {.max_batch_rows = 16, .max_lanes = 5}});
  for (int i = 0; i < 10; ++i) f.Submit(kKey, "guided", 3, 0, /*lanes=*/2);
  EXPECT_THAT(f.TickUntil(Stage::kPredict).rows, SizeIs(2));
  EXPECT_EQ(f.scheduler.stats().active_lanes, 4);
}

TEST(SchedulerTest, GuidedRowIsNotPassedByOnesThatNeedLess) {
  SchedulerFixture f({.batching = {.max_lanes = 3}});
  const RowId first = f.Submit(kKey, "a", 3, 0, 2);
  const RowId guided = f.Submit(kKey, "b", 3, 0, 2);
  const RowId plain = f.Submit(kKey, "c", 3, 0, 1);
  EXPECT_THAT(f.TickUntil(Stage::kPredict).rows, ElementsAre(first));
  f.TickUntil(Stage::kDecode);
  EXPECT_THAT(f.Tick().rows, ElementsAre(guided, plain));
}

TEST(SchedulerTest, JobLargerThanTheBatchIsSplitOverTicks) {
  SchedulerFixture f({.batching = {.max_batch_rows = 2}});
  for (int i = 0; i < 5; ++i) f.Submit(kKey, "one job", 1);
  std::vector<size_t> batches;
  for (Plan plan = f.Tick(); !plan.rows.empty(); plan = f.Tick()) {
    if (plan.stage == Stage::kPredict) batches.push_back(plan.rows.size());
  }
  EXPECT_THAT(batches, ElementsAre(2, 2, 1));
}

TEST(SchedulerTest, OnlyRowsWithAPlaceHoldLatents) {
  SchedulerFixture f({.batching = {.max_batch_rows = 3}});
  for (int i = 0; i < 10; ++i) f.Submit(kKey);
  for (Plan plan = f.Tick(); !plan.rows.empty(); plan = f.Tick()) {
    EXPECT_LE(f.scheduler.stats().active_rows, 3);
  }
}

TEST(SchedulerTest, FreePlacesGoByPriorityThenArrival) {
  SchedulerFixture f({.batching = {.max_batch_rows = 1}});
  const RowId early = f.Submit(kKey, "early", 1, 0);
  const RowId late = f.Submit(kKey, "late", 1, 0);
  const RowId urgent = f.Submit(kKey, "urgent", 1, 1);
  EXPECT_THAT(f.TickUntil(Stage::kDecode).rows, ElementsAre(urgent));
  EXPECT_THAT(f.TickUntil(Stage::kDecode).rows, ElementsAre(early));
  EXPECT_THAT(f.TickUntil(Stage::kDecode).rows, ElementsAre(late));
}

TEST(SchedulerTest, WaitingRaisesPriority) {
  SchedulerFixture f({.batching = {.max_batch_rows = 1}, .ageing = absl::Seconds(10)});
  const RowId patient = f.Submit(kKey, "patient", 1, 0);
  f.now += absl::Seconds(21);
  const RowId urgent = f.Submit(kKey, "urgent", 1, 2);
  EXPECT_THAT(f.TickUntil(Stage::kDecode).rows, ElementsAre(patient));
  EXPECT_THAT(f.TickUntil(Stage::kDecode).rows, ElementsAre(urgent));
}

TEST(SchedulerTest, RowsThatBeganStayWhenUrgentOnesCome) {
  SchedulerFixture f({.batching = {.max_batch_rows = 1}});
  const RowId began = f.Submit(kKey, "began", 2, 0);
  f.TickUntil(Stage::kPredict);
  f.Submit(kKey, "urgent", 2, 10);
  EXPECT_THAT(f.Tick().rows, ElementsAre(began));
}

TEST(SchedulerTest, FinishedRowsAreDecodedBeforeAnythingElseInBoundedBatches) {
  SchedulerFixture f({.batching = {.max_batch_rows = 5, .max_decode_rows = 2}});
  for (int i = 0; i < 6; ++i) f.Submit(kKey, "job", 1);
  f.TickUntil(Stage::kPredict);
  std::vector<size_t> decoded;
  for (Plan plan = f.Tick(); plan.stage == Stage::kDecode; plan = f.Tick()) decoded.push_back(plan.rows.size());
  EXPECT_THAT(decoded, ElementsAre(2, 2, 1));
}

TEST(SchedulerTest, FailedRowLeavesItsNeighboursAlone) {
  SchedulerFixture f;
  const RowId good = f.Submit(kKey, "good", 2);
  const RowId bad = f.Submit(kKey, "bad", 2);
  f.TickUntil(Stage::kEncode);
  const Plan plan = *f.scheduler.NextPlan(f.now);
  ASSERT_THAT(plan.rows, ElementsAre(good, bad));
  f.scheduler.Update(plan, f.now, {RowResult::kOk, RowResult::kFailed});
  EXPECT_THAT(f.Tick().rows, ElementsAre(good));
  EXPECT_EQ(f.Tick().stage, Stage::kDecode);
}

TEST(SchedulerTest, RowMayFailInEveryStage) {
  for (const Stage stage : {Stage::kEncode, Stage::kPredict, Stage::kDecode}) {
    SchedulerFixture f;
    f.Submit(kKey, "job", 1);
    while (f.scheduler.NextPlan(f.now)->stage != stage) f.Tick();
    f.Tick(RowResult::kFailed);
    EXPECT_FALSE(f.scheduler.NextPlan(f.now).has_value());
  }
}

TEST(SchedulerTest, CancelFreesTheRowsBeforeTheNextPlan) {
  SchedulerFixture f({.batching = {.max_batch_rows = 2}});
  const RowId cancelled = f.Submit(kKey, "cancelled");
  const RowId other = f.Submit(kKey, "other");
  const RowId waiting = f.Submit(kKey, "waiting");
  f.TickUntil(Stage::kPredict);
  EXPECT_THAT(f.scheduler.RemoveJob("cancelled"), ElementsAre(cancelled));
  EXPECT_THAT(f.Tick().rows, ElementsAre(waiting)) << "takes the free place";
  EXPECT_THAT(f.Tick().rows, ElementsAre(other, waiting));
  EXPECT_THAT(f.scheduler.RemoveJob("cancelled"), IsEmpty());
}

TEST(SchedulerTest, CancelBetweenPlanAndUpdateIsNormal) {
  SchedulerFixture f;
  f.Submit(kKey, "cancelled", 1);
  const RowId other = f.Submit(kKey, "other", 2);
  f.TickUntil(Stage::kEncode);
  const Plan plan = *f.scheduler.NextPlan(f.now);
  f.scheduler.RemoveJob("cancelled");
  f.scheduler.Update(plan, f.now, {RowResult::kOk, RowResult::kOk});
  EXPECT_THAT(f.Tick().rows, ElementsAre(other));
  EXPECT_EQ(f.scheduler.stats().active_rows, 1);
}

TEST(SchedulerTest, PlanIsTheSameUntilItIsBooked) {
  SchedulerFixture f;
  f.Submit(kKey);
  const Plan first = *f.scheduler.NextPlan(f.now);
  const Plan again = *f.scheduler.NextPlan(f.now + absl::Seconds(5));
  EXPECT_EQ(first.stage, again.stage);
  EXPECT_EQ(first.rows, again.rows);
}

TEST(SchedulerTest, RowsThatDidNotRunStayWhereTheyWere) {
  SchedulerFixture f;
  const RowId row = f.Submit(kKey, "job", 1);
  for (const Stage stage : {Stage::kEncode, Stage::kPredict, Stage::kDecode}) {
    for (const RowResult result : {RowResult::kNotRun, RowResult::kNotRun, RowResult::kOk}) {
      const Plan plan = f.Tick(result);
      EXPECT_EQ(plan.stage, stage);
      EXPECT_THAT(plan.rows, ElementsAre(row));
    }
  }
}

TEST(SchedulerTest, BatchThatDidNotFitIsSmallerAndRecovers) {
  SchedulerFixture f({.batching = {.max_batch_rows = 4}});
  std::vector<RowId> rows;
  for (int i = 0; i < 4; ++i) rows.push_back(f.Submit(kKey, "job", 1000));
  f.TickUntil(Stage::kEncode);
  EXPECT_THAT(f.Tick(RowResult::kNotRun).rows, SizeIs(4));
  f.scheduler.ShrinkBatch(kKey, Stage::kPredict, 2);
  for (size_t size = 2; size <= 4; ++size) {
    for (int run = 0; run < BatchingPolicy::kCleanRunsPerRow; ++run) EXPECT_THAT(f.Tick().rows, SizeIs(size));
  }
  EXPECT_THAT(f.Tick().rows, SizeIs(4));
}

TEST(SchedulerTest, StatsCountRowsAndLanes) {
  SchedulerFixture f({.batching = {.max_batch_rows = 2}});
  f.Submit(kKey, "a", 3, 0, 2);
  f.Submit(kKey, "b", 3, 0, 1);
  f.Submit(kKey, "c", 3, 0, 1);
  f.Submit(SchedulerFixture::Key(8, "other"));
  f.TickUntil(Stage::kPredict);
  EXPECT_EQ(f.scheduler.stats().waiting_rows, 2);
  EXPECT_EQ(f.scheduler.stats().active_rows, 2);
  EXPECT_EQ(f.scheduler.stats().active_lanes, 3);
  EXPECT_EQ(f.scheduler.ModelStats("m").waiting_rows, 1);
  EXPECT_EQ(f.scheduler.ModelStats("other").waiting_rows, 1);
  EXPECT_EQ(f.scheduler.ModelStats("other").active_rows, 0);
}

BatchKey ClipKey(const std::string& motion, int frames) {
  BatchKey key = SchedulerFixture::Key();
  key.motion = motion;
  key.frames = frames;
  return key;
}

TEST(SchedulerTest, ClipsAndPicturesNeverShareAForwardAndAllAreMade) {
  SchedulerFixture f;
  f.tick = absl::Milliseconds(300);  // three ticks are a turn
  const std::vector<BatchKey> keys = {kKey, ClipKey("v2", 4), ClipKey("v3", 4), ClipKey("v2", 5)};
  std::map<RowId, BatchKey> submitted;
  for (int i = 0; i < 12; ++i) {
    const BatchKey& key = keys[static_cast<size_t>(i) % keys.size()];
    submitted[f.Submit(key, "job", /*evaluations=*/6, /*priority=*/0, /*lanes=*/key.frames)] = key;
  }
  std::map<RowId, int> evaluations;
  for (Plan plan = f.Tick(); !plan.rows.empty(); plan = f.Tick()) {
    for (const RowId row : plan.rows) {
      EXPECT_EQ(submitted.at(row), plan.key);
      evaluations[row] += plan.stage == Stage::kPredict ? 1 : 0;
    }
  }
  for (const auto& [row, key] : submitted) EXPECT_EQ(evaluations[row], 6) << row;
}

TEST(SchedulerTest, AClipCountsAllItsFramesAsLanes) {
  SchedulerFixture f({.batching = {.max_batch_rows = 8, .max_lanes = 20}});
  const BatchKey key = ClipKey("v2", 8);
  const RowId first = f.Submit(key, "a", 3, 0, /*lanes=*/8), second = f.Submit(key, "b", 3, 0, 8);
  f.Submit(key, "c", 3, 0, 8);
  EXPECT_THAT(f.TickUntil(Stage::kPredict).rows, ElementsAre(first, second));
}

TEST(SchedulerTest, AClipOfMoreLanesThanABatchHasRunsAlone) {
  SchedulerFixture f({.batching = {.max_batch_rows = 8, .max_lanes = 20}});
  const BatchKey key = ClipKey("v2", 32);
  const RowId first = f.Submit(key, "a", 3, 0, /*lanes=*/64), second = f.Submit(key, "b", 3, 0, 64);
  std::vector<RowId> decoded;
  for (Plan plan = f.Tick(); !plan.rows.empty(); plan = f.Tick()) {
    EXPECT_THAT(plan.rows, SizeIs(1));
    if (plan.stage == Stage::kDecode) decoded.push_back(plan.rows[0]);
  }
  EXPECT_THAT(decoded, ElementsAre(first, second));
}

}  // namespace
}  // namespace latentd::core
