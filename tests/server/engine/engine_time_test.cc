// What the engine does as time passes, on a clock that the tests set.

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "server/engine/engine.h"
#include "tests/server/core/fake_clock.h"
#include "tests/server/engine/engine_fixture.h"

namespace latentd::engine {
namespace {

class EngineTimeTest : public EngineTest {
 protected:
  EngineTimeTest() : EngineTest(std::make_unique<core::FakeClock>()) {}

  void Advance(absl::Duration time) { static_cast<core::FakeClock&>(*clock_).Advance(time); }
};

TEST_F(EngineTimeTest, ModelsThatLoadMoreSlowlyThanTheyWaitForEachOtherBothServe) {
  options_.hold_after = absl::Seconds(2);
  // Nothing runs while a model is loaded, as they do not fit together: only one thread at a time moves the clock.
  std::atomic<int> loads = 0;
  on_load_ = [&] {
    ++loads;
    Advance(absl::Seconds(5));
  };
  control_.on_predict = [&](size_t) { Advance(absl::Seconds(1)); };
  std::vector<std::string> jobs;
  for (int i = 0; i < 3; ++i) {
    jobs.push_back(Create(FieldsFor("a")));
    jobs.push_back(Create(FieldsFor("b")));
  }
  StartEngine({.batching = {.max_batch_rows = 1}}, {"a", "b"}, /*memory_budget=*/150);
  WaitUntilIdle();
  for (const std::string& job : jobs) EXPECT_EQ(Get(job).state, core::JobState::kCompleted);
  EXPECT_LE(loads, 6);  // a job at least for each
}

TEST_F(EngineTimeTest, AStageThatTakesMuchTooLongIsReportedAndItsEndToo) {
  Gate gate;
  control_.on_predict = [&](size_t forward) {
    if (forward == 0) gate.Wait();
  };
  std::vector<bool> told;
  options_.stuck_after = absl::Minutes(10);
  options_.on_stuck = [&](bool stuck) { told.push_back(stuck); };
  core::RequestFields fields = Fields("stuck");
  fields.timeout = absl::Hours(1);
  Create(fields);
  StartEngine();
  gate.AwaitArrival();
  Advance(absl::Minutes(10));
  EXPECT_EQ(told, std::vector<bool>({true}));
  gate.Open();
  WaitUntilIdle();
  EXPECT_EQ(told, std::vector<bool>({true, false}));
}

}  // namespace
}  // namespace latentd::engine
