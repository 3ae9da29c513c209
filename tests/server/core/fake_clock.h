#pragma once

#include <functional>
#include <utility>

#include "absl/time/time.h"
#include "server/core/clock.h"
#include "server/core/mutex.h"
#include "server/core/timer_queue.h"

namespace latentd::core {

// Time that stands still until a test moves it. Thread-safe, but only one thread moves it, and that thread is "the
// clock's thread": callbacks run inside Advance and nowhere else.
//
//   FakeClock clock;
//   clock.At(clock.Now() + absl::Seconds(5), [&] { rang = true; });
//   clock.Advance(absl::Seconds(5));
class FakeClock final : public Clock {
 public:
  explicit FakeClock(absl::Time start = absl::FromUnixSeconds(1'700'000'000)) : now_(start) {}

  absl::Time Now() const override {
    MutexLock lock(mutex_);
    return now_;
  }
  TimerId At(absl::Time time, std::function<void()> callback) override {
    return timers_.Add(time, std::move(callback));
  }
  void Cancel(TimerId timer) override { timers_.Cancel(timer); }

  // Moves time on and runs every timer that comes due on the way, also those that callbacks add, in the order of their
  // times; each sees its own time as Now. Advance(absl::ZeroDuration()) runs those that are due already.
  void Advance(absl::Duration duration) {
    const absl::Time end = Now() + duration;
    while (timers_.RunNext(end, [this](absl::Time time) { SetNow(time); })) {
    }
    SetNow(end);
  }

 private:
  void SetNow(absl::Time time) {
    MutexLock lock(mutex_);
    if (time > now_) now_ = time;
  }

  mutable Mutex mutex_;
  absl::Time now_ ABSL_GUARDED_BY(mutex_);
  TimerQueue timers_;
};

}  // namespace latentd::core
