#pragma once

#include <functional>
#include <map>

#include "absl/time/time.h"
#include "server/core/clock.h"
#include "server/core/mutex.h"

namespace latentd::store {

// One moment at which something has to be looked after, which may be brought forward. Thread-safe.
//
//   Alarm alarm(clock, [] { … look after everything that is due, then RingBy(the next time) … });
//   alarm.RingBy(deadline);
class Alarm {
 public:
  // `ring` runs on the clock's thread. REQUIRES: the clock outlives the alarm.
  Alarm(core::Clock* clock, std::function<void()> ring);
  // Waits for a ring that is under way: hold no lock that it takes. REQUIRES: not inside a ring.
  ~Alarm();
  Alarm(const Alarm&) = delete;
  Alarm& operator=(const Alarm&) = delete;

  // Rings at `time` or before. InfiniteFuture: no need to ring. May be called with locks held that `ring` takes.
  void RingBy(absl::Time time);

 private:
  void OnTimer(absl::Time time);

  core::Clock* const clock_;
  const std::function<void()> ring_;

  core::Mutex mutex_;
  // Timers that were overtaken by an earlier one are left to ring: a ring too many is harmless, and cancelling could
  // wait for a callback that wants a lock of the caller's.
  std::map<absl::Time, core::Clock::TimerId> timers_ ABSL_GUARDED_BY(mutex_);
  core::Clock::TimerId ringing_ ABSL_GUARDED_BY(mutex_) = 0;  // its callback is under way; 0: none
};

}  // namespace latentd::store
