#pragma once

#include <chrono>
#include <functional>
#include <thread>

#include "absl/time/time.h"
#include "server/core/clock.h"
#include "server/core/mutex.h"
#include "server/core/timer_queue.h"

namespace latentd::core {

// Real time, with one thread for the timers. The wall clock is read once, at the start; from there on time is what the
// machine's steady clock adds to it, so that a correction of the wall clock never stretches a timeout.
//
//   SystemClock clock;
//   auto timer = clock.At(clock.Now() + absl::Seconds(5), [] { … });
//   clock.Cancel(timer);
class SystemClock final : public Clock {
 public:
  SystemClock();
  // Timers that are not due yet never run. Waits for a callback that is under way.
  ~SystemClock() override;
  SystemClock(const SystemClock&) = delete;
  SystemClock& operator=(const SystemClock&) = delete;

  absl::Time Now() const override;
  TimerId At(absl::Time time, std::function<void()> callback) override;
  void Cancel(TimerId timer) override;

 private:
  void Run();

  const absl::Time start_;
  const std::chrono::steady_clock::time_point steady_start_;

  TimerQueue timers_;

  Mutex mutex_;
  CondVar wake_;
  bool changed_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;

  std::thread thread_;  // last: it uses the others
};

}  // namespace latentd::core
