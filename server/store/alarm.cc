#include "server/store/alarm.h"

#include <utility>

namespace latentd::store {

Alarm::Alarm(core::Clock* clock, std::function<void()> ring) : clock_(clock), ring_(std::move(ring)) {}

Alarm::~Alarm() {
  for (;;) {
    // A ring that is under way may set a new timer, so look again until none is left.
    std::map<absl::Time, core::Clock::TimerId> timers;
    core::Clock::TimerId ringing = 0;
    {
      core::MutexLock lock(mutex_);
      timers.swap(timers_);
      ringing = ringing_;
    }
    if (timers.empty() && ringing == 0) return;
    clock_->Cancel(ringing);
    for (const auto& [time, timer] : timers) clock_->Cancel(timer);
  }
}

void Alarm::RingBy(absl::Time time) {
  if (time == absl::InfiniteFuture()) return;
  core::MutexLock lock(mutex_);
  if (!timers_.empty() && timers_.begin()->first <= time) return;
  timers_[time] = clock_->At(time, [this, time] { OnTimer(time); });
}

void Alarm::OnTimer(absl::Time time) {
  {
    core::MutexLock lock(mutex_);
    const auto timer = timers_.find(time);
    if (timer == timers_.end()) return;  // the destructor took it
    ringing_ = timer->second;
    timers_.erase(timer);
  }
  ring_();
  core::MutexLock lock(mutex_);
  ringing_ = 0;
}

}  // namespace latentd::store
