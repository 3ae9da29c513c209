#include "server/core/timer_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "tests/server/core/fake_clock.h"

namespace latentd::core {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class TimerQueueTest : public ::testing::Test {
 protected:
  std::function<void()> Note(const std::string& name) {
    return [this, name] { ran_.push_back(name); };
  }

  FakeClock clock_;
  std::vector<std::string> ran_;
};

TEST_F(TimerQueueTest, CallbacksRunInTheOrderOfTheirTimes) {
  clock_.At(clock_.Now() + absl::Seconds(3), Note("c"));
  clock_.At(clock_.Now() + absl::Seconds(1), Note("a"));
  clock_.At(clock_.Now() + absl::Seconds(1), Note("b"));
  clock_.At(clock_.Now() + absl::Seconds(9), Note("never"));
  EXPECT_THAT(ran_, IsEmpty());
  clock_.Advance(absl::Seconds(5));
  EXPECT_THAT(ran_, ElementsAre("a", "b", "c"));
}

TEST_F(TimerQueueTest, CallbackSeesItsOwnTime) {
  const absl::Time due = clock_.Now() + absl::Seconds(2);
  absl::Time seen;
  clock_.At(due, [&] { seen = clock_.Now(); });
  clock_.Advance(absl::Minutes(1));
  EXPECT_EQ(seen, due);
  EXPECT_EQ(clock_.Now(), due + absl::Seconds(58));
}

TEST_F(TimerQueueTest, PastTimesAreDueButNeverRunInsideAt) {
  clock_.At(clock_.Now() - absl::Hours(1), Note("past"));
  EXPECT_THAT(ran_, IsEmpty());
  clock_.Advance(absl::ZeroDuration());
  EXPECT_THAT(ran_, ElementsAre("past"));
}

TEST_F(TimerQueueTest, CallbacksMayAddOthers) {
  clock_.At(clock_.Now() + absl::Seconds(1), [&] {
    ran_.push_back("first");
    clock_.At(clock_.Now() + absl::Seconds(1), Note("second"));
    clock_.At(clock_.Now() + absl::Hours(1), Note("never"));
  });
  clock_.Advance(absl::Seconds(2));
  EXPECT_THAT(ran_, ElementsAre("first", "second"));
}

TEST_F(TimerQueueTest, CancelledTimersDoNotRun) {
  const auto timer = clock_.At(clock_.Now() + absl::Seconds(1), Note("cancelled"));
  clock_.Cancel(timer);
  clock_.Advance(absl::Seconds(2));
  EXPECT_THAT(ran_, IsEmpty());
}

TEST_F(TimerQueueTest, UnknownAndFinishedTimersMayBeCancelled) {
  const auto timer = clock_.At(clock_.Now(), Note("ran"));
  clock_.Advance(absl::ZeroDuration());
  clock_.Cancel(timer);
  clock_.Cancel(0);
  clock_.Cancel(12345);
}

TEST_F(TimerQueueTest, CallbackMayCancelItself) {
  Clock::TimerId timer = 0;
  timer = clock_.At(clock_.Now(), [&] { clock_.Cancel(timer); });
  clock_.Advance(absl::ZeroDuration());
}

TEST_F(TimerQueueTest, CancelledCallbackLetsGoOfWhatItHolds) {
  auto held = std::make_shared<int>();
  const std::weak_ptr<int> seen = held;
  const auto timer = clock_.At(clock_.Now() + absl::Seconds(1), [held = std::move(held)] {});
  clock_.Cancel(timer);
  EXPECT_TRUE(seen.expired());
}

TEST_F(TimerQueueTest, CancelWaitsForACallbackOnAnotherThread) {
  std::promise<void> began;
  std::promise<void> may_end;
  std::atomic<bool> ended = false;
  const auto timer = clock_.At(clock_.Now(), [&] {
    began.set_value();
    may_end.get_future().wait();
    ended = true;
  });
  std::thread runner([&] { clock_.Advance(absl::ZeroDuration()); });
  began.get_future().wait();
  std::thread canceller([&] {
    clock_.Cancel(timer);
    EXPECT_TRUE(ended);
  });
  may_end.set_value();
  canceller.join();
  runner.join();
}

}  // namespace
}  // namespace latentd::core
