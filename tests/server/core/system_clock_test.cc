#include "server/core/system_clock.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <memory>
#include <vector>

#include "absl/time/clock.h"

namespace latentd::core {
namespace {

TEST(SystemClockTest, TellsTheWallClocksTime) {
  const SystemClock clock;
  EXPECT_LT(absl::AbsDuration(clock.Now() - absl::Now()), absl::Seconds(5));
}

TEST(SystemClockTest, NeverRunsBackwards) {
  const SystemClock clock;
  absl::Time last = clock.Now();
  for (int i = 0; i < 10'000; ++i) {
    const absl::Time now = clock.Now();
    ASSERT_GE(now, last);
    last = now;
  }
}

TEST(SystemClockTest, TimerRunsNotBeforeItsTimeAndOnAnotherThread) {
  SystemClock clock;
  const absl::Time due = clock.Now() + absl::Milliseconds(20);
  std::promise<std::pair<absl::Time, std::thread::id>> ran;
  clock.At(due, [&] { ran.set_value({clock.Now(), std::this_thread::get_id()}); });
  const auto [time, thread] = ran.get_future().get();
  EXPECT_GE(time, due);
  EXPECT_NE(thread, std::this_thread::get_id());
}

TEST(SystemClockTest, EarlierTimerOvertakesALaterOne) {
  SystemClock clock;
  std::promise<void> ran;
  clock.At(absl::InfiniteFuture(), [] { ADD_FAILURE(); });
  clock.At(clock.Now() + absl::Hours(24 * 365), [] { ADD_FAILURE(); });
  clock.At(clock.Now() + absl::Milliseconds(5), [&] { ran.set_value(); });
  ran.get_future().wait();
}

TEST(SystemClockTest, PastTimesAreDueAtOnce) {
  SystemClock clock;
  std::promise<void> ran;
  clock.At(absl::InfinitePast(), [&] { ran.set_value(); });
  ran.get_future().wait();
}

TEST(SystemClockTest, EndsWithTimersPending) {
  auto held = std::make_shared<int>();
  const std::weak_ptr<int> seen = held;
  {
    SystemClock clock;
    clock.At(clock.Now() + absl::Hours(1), [held = std::move(held)] { ADD_FAILURE(); });
  }
  EXPECT_TRUE(seen.expired());
}

TEST(SystemClockTest, TimersAreSetAndCancelledFromManyThreads) {
  SystemClock clock;
  std::atomic<int> ran = 0;
  std::atomic<int> kept = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (int i = 0; i < 500; ++i) {
        const auto timer = clock.At(clock.Now() + absl::Microseconds(i % 50), [&] { ++ran; });
        if (i % 2 == 0) {
          clock.Cancel(timer);
        } else {
          ++kept;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::promise<void> last;
  clock.At(clock.Now() + absl::Milliseconds(1), [&] { last.set_value(); });
  last.get_future().wait();
  EXPECT_GE(ran, kept);
  EXPECT_LE(ran, 2 * kept);
}

}  // namespace
}  // namespace latentd::core
