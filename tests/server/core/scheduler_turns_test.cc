// Rules between keys: who gets the device, for how long, and how long the others wait.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "server/core/scheduler.h"
#include "tests/server/core/scheduler_fixture.h"

namespace latentd::core {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

const BatchKey kSmall = SchedulerFixture::Key(8);
const BatchKey kLarge = SchedulerFixture::Key(16);
constexpr int kLong = 100'000;  // evaluations that no test sees the end of

TEST(SchedulerTurnsTest, NoPlanMixesKeys) {
  SchedulerFixture f;
  BatchKey motion = kSmall;
  motion.motion = "walk";
  BatchKey wide = kSmall;
  wide.latent_width = 16;
  f.scheduler.SetModelReady("n", true);
  for (const BatchKey& key : {kSmall, kLarge, motion, wide, SchedulerFixture::Key(8, "n")}) f.Submit(key, "job", 1);
  for (Plan plan = f.Tick(); !plan.rows.empty(); plan = f.Tick()) EXPECT_EQ(plan.rows.size(), 1);
}

TEST(SchedulerTurnsTest, CompatibleRowsJoinAheadOfIncompatibleOnesThatCameEarlier) {
  SchedulerFixture f;
  const RowId running = f.Submit(kSmall, "running", kLong);
  f.TickUntil(Stage::kPredict);
  f.Submit(kLarge, "incompatible", kLong);
  const RowId compatible = f.Submit(kSmall, "compatible", kLong);
  EXPECT_THAT(f.Tick().rows, ElementsAre(compatible));
  EXPECT_THAT(f.Tick().rows, ElementsAre(running, compatible));
}

TEST(SchedulerTurnsTest, IncompatibleRowsGetTheDeviceWhenTheTurnIsOver) {
  SchedulerFixture f({.turn = absl::Seconds(1)});
  f.Submit(kSmall, "running", kLong);
  f.Submit(kLarge, "incompatible", kLong);
  const absl::Duration waited = f.RunWhile(kSmall);
  EXPECT_GE(waited, absl::Seconds(1));
  EXPECT_LE(waited, absl::Seconds(1) + f.tick);
}

TEST(SchedulerTurnsTest, NewcomerNeedNotWaitWhenTheDeviceWasHeldLongAlready) {
  SchedulerFixture f({.turn = absl::Seconds(1)});
  f.Submit(kSmall, "running", kLong);
  for (int i = 0; i < 250; ++i) f.Tick();
  f.Submit(kLarge, "newcomer", kLong);
  EXPECT_EQ(f.Tick().key, kLarge);
}

TEST(SchedulerTurnsTest, PausedRowsGoOnWhereTheyWere) {
  SchedulerFixture f({.turn = absl::Milliseconds(100)});
  const RowId paused = f.Submit(kSmall, "paused", 15);
  f.Submit(kLarge, "other", 15);
  std::map<BatchKey, int> evaluations;
  std::vector<BatchKey> turns;
  for (Plan plan = f.Tick(); !plan.rows.empty(); plan = f.Tick()) {
    if (turns.empty() || turns.back() != plan.key) turns.push_back(plan.key);
    evaluations[plan.key] += plan.stage == Stage::kPredict ? 1 : 0;
    EXPECT_EQ(plan.key == kSmall, plan.rows == std::vector<RowId>{paused});
    EXPECT_FALSE(plan.stage == Stage::kEncode && evaluations[plan.key] > 0) << "encoded once only";
  }
  EXPECT_THAT(turns, ElementsAre(kSmall, kLarge, kSmall, kLarge));
  EXPECT_EQ(evaluations[kSmall], 15);
  EXPECT_EQ(evaluations[kLarge], 15);
}

TEST(SchedulerTurnsTest, FinishedRowsAreDecodedBeforeTheDeviceChangesHands) {
  SchedulerFixture f({.batching = {.max_decode_rows = 1}, .turn = absl::Milliseconds(15)});
  f.Submit(kSmall, "a", 1);
  f.Submit(kSmall, "b", 1);
  f.Submit(kLarge, "c", kLong);
  std::vector<std::pair<BatchKey, Stage>> plans;
  for (int i = 0; i < 5; ++i) {
    const Plan plan = f.Tick();
    plans.emplace_back(plan.key, plan.stage);
  }
  EXPECT_THAT(plans, ElementsAre(std::pair(kSmall, Stage::kEncode), std::pair(kSmall, Stage::kPredict),
                                 std::pair(kSmall, Stage::kDecode), std::pair(kSmall, Stage::kDecode),
                                 std::pair(kLarge, Stage::kEncode)));
}

TEST(SchedulerTurnsTest, DecodingOfSeveralRunsWaitsBetweenThem) {
  SchedulerFixture f({.turn = absl::Milliseconds(15)});
  const RowId clip = f.Submit(kSmall, "clip", 1);
  f.Submit(kLarge, "other", kLong);
  EXPECT_EQ(f.Tick().stage, Stage::kEncode);
  EXPECT_EQ(f.Tick().stage, Stage::kPredict);
  EXPECT_EQ(f.Tick(RowResult::kGoesOn).stage, Stage::kDecode) << "one run, though the turn is over";
  EXPECT_LE(f.RunWhile(kLarge), absl::Milliseconds(15) + f.tick);
  const Plan rest = f.Tick();
  EXPECT_EQ(rest.stage, Stage::kDecode);
  EXPECT_THAT(rest.rows, ElementsAre(clip));
  EXPECT_EQ(f.scheduler.stats().active_rows, 1) << "it is gone, the other is there";
}

TEST(SchedulerTurnsTest, KeyThatWaitsLongestGoesNext) {
  SchedulerFixture f({.turn = absl::Milliseconds(50)});
  std::vector<BatchKey> keys;
  for (int size : {32, 8, 24, 16}) keys.push_back(SchedulerFixture::Key(size));
  for (const BatchKey& key : keys) {
    f.Submit(key, "job", kLong);
    f.now += absl::Milliseconds(1);
  }
  std::vector<BatchKey> turns;
  for (int turn = 0; turn < 9; ++turn) {
    turns.push_back(f.scheduler.NextPlan(f.now)->key);
    f.RunWhile(turns.back());
  }
  for (size_t i = 0; i < turns.size(); ++i) EXPECT_EQ(turns[i], keys[i % keys.size()]) << i;
}

TEST(SchedulerTurnsTest, NobodyWaitsLongerThanATurnOfEachOther) {
  SchedulerFixture f({.turn = absl::Milliseconds(100)});
  const int others = 5;
  for (int i = 0; i <= others; ++i) f.Submit(SchedulerFixture::Key(8 + i), "job", kLong);
  std::map<BatchKey, absl::Time> last;
  const absl::Time start = f.now;
  while (f.now < start + absl::Seconds(10)) {
    const absl::Time planned = f.now;
    const Plan plan = f.Tick();
    const auto [seen, is_new] = last.try_emplace(plan.key, start);
    EXPECT_LE(planned - seen->second, others * (absl::Milliseconds(100) + f.tick));
    seen->second = f.now;
  }
  EXPECT_EQ(last.size(), others + 1);
}

TEST(SchedulerTurnsTest, KeyThatRunsDryDoesNotOvertakeWithOldJobs) {
  SchedulerFixture f;
  f.Submit(kSmall, "a", 1);
  f.Tick();
  f.Submit(kLarge, "waiting", 1);
  while (f.scheduler.stats().active_rows > 0) f.Tick();
  // A job that was created long ago, and reaches the scheduler only now.
  f.scheduler.Submit({.id = 99, .job = "old", .key = kSmall, .submitted = f.now - absl::Hours(1), .evaluations = 1});
  EXPECT_EQ(f.Tick().key, kLarge);
}

TEST(SchedulerTurnsTest, UrgentKeyGoesFirst) {
  SchedulerFixture f({.turn = absl::Milliseconds(100)});
  f.Submit(kSmall, "running", kLong);
  f.Tick();
  f.Submit(kLarge, "plain", kLong, 0);
  const BatchKey urgent = SchedulerFixture::Key(24);
  f.Submit(urgent, "urgent", kLong, 3);
  f.RunWhile(kSmall);
  EXPECT_EQ(f.Tick().key, urgent);
}

TEST(SchedulerTurnsTest, LessUrgentKeyWaitsOnlyItsLevelsTimesAgeingLonger) {
  SchedulerFixture f({.turn = absl::Milliseconds(100), .ageing = absl::Seconds(1)});
  f.Submit(kSmall, "urgent", kLong, 3);
  f.Submit(kLarge, "plain", kLong, 0);
  const absl::Duration waited = f.RunWhile(kSmall);
  EXPECT_GE(waited, absl::Seconds(3));
  EXPECT_LE(waited, absl::Seconds(3) + absl::Milliseconds(100) + f.tick);
}

TEST(SchedulerTurnsTest, TwoModelsShareTheDeviceEvenly) {
  SchedulerFixture f({.turn = absl::Milliseconds(200)});
  f.scheduler.SetModelReady("n", true);
  f.Submit(SchedulerFixture::Key(8, "m"), "a", kLong);
  for (int i = 0; i < 10; ++i) f.Submit(SchedulerFixture::Key(8, "n"), "b", kLong);
  std::map<std::string, absl::Duration> used;
  for (int i = 0; i < 4000; ++i) {
    // The fuller batch takes longer; shares are of time, not of steps.
    f.tick = f.scheduler.NextPlan(f.now)->key.model == "n" ? absl::Milliseconds(31) : absl::Milliseconds(5);
    used[f.Tick().key.model] += f.tick;
  }
  EXPECT_NEAR(absl::FDivDuration(used["m"], used["n"]), 1, 0.1);
}

TEST(SchedulerTurnsTest, RowsOfModelsThatAreNotReadyAreNotPlanned) {
  SchedulerFixture f;
  f.Submit(SchedulerFixture::Key(8, "absent"), "waits");
  const RowId row = f.Submit(kSmall, "runs", 1);
  EXPECT_THAT(f.Tick().rows, ElementsAre(row));
  f.RunWhile(kSmall);
  f.scheduler.SetModelReady("absent", true);
  EXPECT_EQ(f.Tick().key.model, "absent");
}

TEST(SchedulerTurnsTest, RowsPauseWhileTheirModelIsAway) {
  SchedulerFixture f;
  const RowId row = f.Submit(kSmall, "job", 2);
  f.TickUntil(Stage::kPredict);
  f.scheduler.SetModelReady("m", false);
  EXPECT_THAT(f.Tick().rows, IsEmpty());
  f.scheduler.SetModelReady("m", true);
  EXPECT_THAT(f.Tick().rows, ElementsAre(row));
  EXPECT_EQ(f.Tick().stage, Stage::kDecode);
}

TEST(SchedulerTurnsTest, HeldModelFinishesWhatItBeganAndBeginsNothing) {
  SchedulerFixture f({.batching = {.max_batch_rows = 1}});
  const RowId began = f.Submit(kSmall, "began", 2);
  const RowId waiting = f.Submit(kSmall, "waiting", 2);
  f.TickUntil(Stage::kPredict);
  f.scheduler.SetModelHeld("m", true);
  for (Plan plan = f.Tick(); !plan.rows.empty(); plan = f.Tick()) EXPECT_THAT(plan.rows, ElementsAre(began));
  EXPECT_EQ(f.scheduler.ModelStats("m").active_rows, 0) << "it can be unloaded";
  f.scheduler.SetModelHeld("m", false);
  EXPECT_THAT(f.Tick().rows, ElementsAre(waiting));
}

}  // namespace
}  // namespace latentd::core
