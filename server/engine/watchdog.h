#pragma once

#include <functional>
#include <optional>

#include "absl/time/time.h"
#include "server/core/clock.h"
#include "server/core/mutex.h"

namespace latentd::engine {

// Notices when one piece of work takes longer than any should: a device that hangs answers no call. Thread-safe.
class Watchdog {
 public:
  // `tell(true)` is called when a piece has taken `bound`, and `tell(false)` when it ends after all: on the clock's and
  // on the working thread, one call at a time. It must not block, nor call back. `clock` outlives the watchdog.
  Watchdog(core::Clock* clock, absl::Duration bound, std::function<void(bool stuck)> tell);
  ~Watchdog();

  Watchdog(const Watchdog&) = delete;
  Watchdog& operator=(const Watchdog&) = delete;

  // A piece of work begins; the last one has ended.
  void Begin();
  void End();

 private:
  void SetTimer() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void OnTimer();

  core::Clock* const clock_;
  const absl::Duration bound_;
  const std::function<void(bool)> tell_;

  core::Mutex mutex_;
  std::optional<absl::Time> began_ ABSL_GUARDED_BY(mutex_);
  std::optional<core::Clock::TimerId> timer_ ABSL_GUARDED_BY(mutex_);
  bool stuck_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace latentd::engine
