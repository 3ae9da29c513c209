#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <thread>
#include <utility>

#include "absl/time/time.h"
#include "server/core/clock.h"
#include "server/core/mutex.h"

namespace latentd::core {

// Callbacks waiting for their time: what every Clock is made of. Thread-safe; Cancel is Clock's.
class TimerQueue {
 public:
  Clock::TimerId Add(absl::Time time, std::function<void()> callback);
  void Cancel(Clock::TimerId timer);

  // When the next callback is due; empty when none waits.
  std::optional<absl::Time> NextTime() const;

  // Runs the first callback that is due at `now`, by time and then by age; false when none is. `before` is called with
  // its time first. REQUIRES: one thread at a time.
  bool RunNext(absl::Time now, const std::function<void(absl::Time)>& before = nullptr);

 private:
  using Place = std::pair<absl::Time, Clock::TimerId>;

  mutable Mutex mutex_;
  CondVar ended_;
  Clock::TimerId last_id_ ABSL_GUARDED_BY(mutex_) = 0;
  std::map<Place, std::function<void()>> waiting_ ABSL_GUARDED_BY(mutex_);
  std::map<Clock::TimerId, absl::Time> times_ ABSL_GUARDED_BY(mutex_);
  Clock::TimerId running_ ABSL_GUARDED_BY(mutex_) = 0;  // 0: none
  std::thread::id running_on_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace latentd::core
