// Rules between tenants: each gets its share of the device.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

#include "server/core/scheduler.h"
#include "tests/server/core/scheduler_fixture.h"

namespace latentd::core {
namespace {

using ::testing::ElementsAre;

const BatchKey kSmall = SchedulerFixture::Key(8);
const BatchKey kLarge = SchedulerFixture::Key(16);
constexpr int kLong = 100'000;  // evaluations that no test sees the end of

// How often each tenant's rows were run in `ticks` ticks, in whatever stage.
std::map<std::string, int> RunsIn(SchedulerFixture& f, int ticks) {
  std::map<std::string, int> runs;
  for (int i = 0; i < ticks; ++i) {
    for (const RowId id : f.Tick().rows) ++runs[f.tenants.at(id)];
  }
  return runs;
}

TEST(SchedulerTenantsTest, FreePlacesGoToTenantsInTurn) {
  SchedulerFixture f({.batching = {.max_batch_rows = 4}});
  for (int i = 0; i < 10; ++i) f.SubmitAs("many", kSmall, kLong);
  const RowId first = f.SubmitAs("few", kSmall, kLong);
  const RowId second = f.SubmitAs("few", kSmall, kLong);
  EXPECT_THAT(f.Tick().rows, ElementsAre(1, first, 2, second));
}

TEST(SchedulerTenantsTest, OneJobNeedNotWaitForAThousandOfAnother) {
  SchedulerFixture f({.batching = {.max_batch_rows = 4}});
  for (int i = 0; i < 1000; ++i) f.SubmitAs("many", kSmall, 20);
  RunsIn(f, 50);
  const RowId one = f.SubmitAs("few", kSmall, 20);
  EXPECT_EQ(f.TickUntil(Stage::kEncode).rows.front(), one) << "it takes the next place that becomes free";
}

TEST(SchedulerTenantsTest, PlacesAreSharedByWeight) {
  SchedulerFixture f({.batching = {.max_batch_rows = 8}});
  for (int i = 0; i < 400; ++i) f.SubmitAs("light", kSmall, 10, 1);
  for (int i = 0; i < 400; ++i) f.SubmitAs("heavy", kSmall, 10, 3);
  const auto runs = RunsIn(f, 500);
  EXPECT_NEAR(static_cast<double>(runs.at("heavy")) / runs.at("light"), 3, 0.2);
}

TEST(SchedulerTenantsTest, OnePlaceIsSharedByTime) {
  SchedulerFixture f({.batching = {.max_batch_rows = 1}});
  for (int i = 0; i < 200; ++i) f.SubmitAs("short", kSmall, 5, 1);
  for (int i = 0; i < 200; ++i) f.SubmitAs("long", kSmall, 20, 1);
  const auto runs = RunsIn(f, 1000);
  EXPECT_NEAR(static_cast<double>(runs.at("long")) / runs.at("short"), 1, 0.2);
}

TEST(SchedulerTenantsTest, GuidedRowsCountTwice) {
  SchedulerFixture f({.batching = {.max_batch_rows = 6, .max_lanes = 6}});
  for (int i = 0; i < 200; ++i) f.SubmitAs("guided", kSmall, 10, 1, /*lanes=*/2);
  for (int i = 0; i < 200; ++i) f.SubmitAs("plain", kSmall, 10, 1, /*lanes=*/1);
  const auto runs = RunsIn(f, 500);
  EXPECT_NEAR(static_cast<double>(runs.at("plain")) / runs.at("guided"), 2, 0.3);
}

TEST(SchedulerTenantsTest, TurnsOfIncompatibleRowsAreSharedByWeight) {
  SchedulerFixture f({.turn = absl::Milliseconds(100)});
  f.SubmitAs("light", kSmall, kLong, 1);
  f.SubmitAs("heavy", kLarge, kLong, 2);
  const auto runs = RunsIn(f, 3000);
  EXPECT_NEAR(static_cast<double>(runs.at("heavy")) / runs.at("light"), 2, 0.1);
}

TEST(SchedulerTenantsTest, ManyKeysAreNoMoreThanOne) {
  SchedulerFixture f({.turn = absl::Milliseconds(100)});
  for (const int height : {8, 16, 24, 32}) f.SubmitAs("many", SchedulerFixture::Key(height), kLong);
  f.SubmitAs("few", SchedulerFixture::Key(40), kLong);
  const auto runs = RunsIn(f, 4000);
  EXPECT_NEAR(static_cast<double>(runs.at("many")) / runs.at("few"), 1, 0.1);
}

TEST(SchedulerTenantsTest, ARowThatWaitsForAPlaceGetsItsNeighboursNothing) {
  SchedulerFixture f({.batching = {.max_batch_rows = 8}, .turn = absl::Milliseconds(100)});
  for (int i = 0; i < 8; ++i) f.SubmitAs("filling", kSmall, kLong);
  RunsIn(f, 10);
  f.SubmitAs("waiting", kSmall, kLong);
  f.SubmitAs("alone", kLarge, kLong);
  const auto runs = RunsIn(f, 4000);
  EXPECT_NEAR(runs.at("filling") / 8.0 / runs.at("alone"), 1, 0.1);
}

TEST(SchedulerTenantsTest, OneRowInABatchGetsTheOthersNoMoreThanItsShare) {
  SchedulerFixture f({.batching = {.max_batch_rows = 8}, .turn = absl::Milliseconds(100)});
  for (int i = 0; i < 7; ++i) f.SubmitAs("filling", kSmall, kLong);
  f.SubmitAs("guest", kSmall, kLong);
  f.SubmitAs("alone", kLarge, kLong);
  const auto runs = RunsIn(f, 4000);
  EXPECT_GT(runs.at("alone"), 1500);
  EXPECT_LT(runs.at("guest"), 2500);
}

TEST(SchedulerTenantsTest, ATenantWhoseModelIsNotThereHoldsUpNobodysClock) {
  SchedulerFixture f({.turn = absl::Milliseconds(100)});
  f.SubmitAs("waiting", SchedulerFixture::Key(8, "absent"), kLong);
  f.SubmitAs("busy", kSmall, kLong);
  RunsIn(f, 2000);  // 20 s alone
  f.SubmitAs("new", kLarge, kLong);
  const auto runs = RunsIn(f, 1000);
  EXPECT_NEAR(static_cast<double>(runs.at("new")) / runs.at("busy"), 1, 0.1);
}

TEST(SchedulerTenantsTest, PriorityIsATenantsOwn) {
  SchedulerFixture f({.turn = absl::Milliseconds(100)});
  f.SubmitAs("pushing", kSmall, kLong, 1, 1, /*priority=*/100);
  f.SubmitAs("quiet", kLarge, kLong, 1, 1, /*priority=*/-100);
  const auto runs = RunsIn(f, 2000);
  EXPECT_NEAR(static_cast<double>(runs.at("pushing")) / runs.at("quiet"), 1, 0.1);
}

TEST(SchedulerTenantsTest, WhoComesBackIsOwedNothingForThePause) {
  SchedulerFixture f({.turn = absl::Milliseconds(100)});
  f.SubmitAs("early", kSmall, 1);
  while (!f.Tick().rows.empty()) {
  }
  f.SubmitAs("busy", kSmall, kLong);
  RunsIn(f, 2000);  // 20 s alone
  f.SubmitAs("early", kLarge, kLong);
  const auto runs = RunsIn(f, 1000);
  EXPECT_NEAR(static_cast<double>(runs.at("early")) / runs.at("busy"), 1, 0.1);
}

TEST(SchedulerTenantsTest, LeavingAndComingBackGainsNothing) {
  SchedulerFixture f({.batching = {.max_batch_rows = 1}, .turn = absl::Milliseconds(100)});
  for (int i = 0; i < 100; ++i) f.SubmitAs("steady", kSmall, 10);
  // A job of another key that is given up whenever it has had the device, and comes again.
  std::map<std::string, int> runs;
  RowId hopping = f.SubmitAs("hopping", kLarge, kLong);
  for (int i = 0; i < 1000; ++i) {
    const Plan plan = f.Tick();
    ++runs[f.tenants.at(plan.rows.front())];
    if (plan.rows.front() != hopping) continue;
    f.scheduler.RemoveJob("hopping" + std::to_string(hopping));
    hopping = f.SubmitAs("hopping", kLarge, kLong);
  }
  EXPECT_LT(runs["hopping"], 1.2 * runs["steady"]);
}

}  // namespace
}  // namespace latentd::core
