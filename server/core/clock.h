#pragma once

#include <cstdint>
#include <functional>

#include "absl/time/time.h"

namespace latentd::core {

// Time, and things that happen later. Injected everywhere, so that tests set the time instead of sleeping. Thread-safe.
class Clock {
 public:
  using TimerId = uint64_t;

  virtual ~Clock() = default;

  // Wall-clock time that never runs backwards within the process.
  virtual absl::Time Now() const = 0;

  // Runs `callback` once at `time` or soon after, on the clock's thread and never inside At: it must not block. Times
  // that have passed are due at once. May be called with locks held that the callback takes.
  virtual TimerId At(absl::Time time, std::function<void()> callback) = 0;

  // After the return the callback will not begin; when it was running on another thread, it has ended: so hold no lock
  // that it takes. Unknown and finished timers are fine. A callback may cancel its own timer.
  virtual void Cancel(TimerId timer) = 0;
};

}  // namespace latentd::core
