#include "server/core/system_clock.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/time/clock.h"

namespace latentd::core {
namespace {

// The thread looks up at least this often: far timers need no arithmetic near the ends of the clock's range.
constexpr absl::Duration kLongestWait = absl::Hours(1);

}  // namespace

SystemClock::SystemClock()
    : start_(absl::Now()), steady_start_(std::chrono::steady_clock::now()), thread_([this] { Run(); }) {}

SystemClock::~SystemClock() {
  {
    MutexLock lock(mutex_);
    stopping_ = true;
  }
  wake_.NotifyAll();
  thread_.join();
}

absl::Time SystemClock::Now() const {
  return start_ + absl::FromChrono(std::chrono::steady_clock::now() - steady_start_);
}

Clock::TimerId SystemClock::At(absl::Time time, std::function<void()> callback) {
  const TimerId timer = timers_.Add(time, std::move(callback));
  {
    MutexLock lock(mutex_);
    changed_ = true;
  }
  wake_.NotifyAll();
  return timer;
}

void SystemClock::Cancel(TimerId timer) { timers_.Cancel(timer); }

void SystemClock::Run() {
  for (;;) {
    const bool ran = timers_.RunNext(Now());
    MutexLock lock(mutex_);
    if (stopping_) return;
    if (!ran && !changed_) {
      const absl::Time next = timers_.NextTime().value_or(absl::InfiniteFuture());
      const absl::Duration wait = std::clamp(next - Now(), absl::ZeroDuration(), kLongestWait);
      wake_.WaitUntil(mutex_, std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(wait));
    }
    changed_ = false;
  }
}

}  // namespace latentd::core
