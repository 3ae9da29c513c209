#include "server/core/timer_queue.h"

namespace latentd::core {

Clock::TimerId TimerQueue::Add(absl::Time time, std::function<void()> callback) {
  MutexLock lock(mutex_);
  const Clock::TimerId timer = ++last_id_;
  waiting_.emplace(Place(time, timer), std::move(callback));
  times_.emplace(timer, time);
  return timer;
}

void TimerQueue::Cancel(Clock::TimerId timer) {
  std::function<void()> dropped;  // what it holds may want the lock when it goes
  MutexLock lock(mutex_);
  if (const auto time = times_.find(timer); time != times_.end()) {
    const auto place = waiting_.find(Place(time->second, timer));
    dropped = std::move(place->second);
    waiting_.erase(place);
    times_.erase(time);
    return;
  }
  while (running_ == timer && timer != 0 && running_on_ != std::this_thread::get_id()) ended_.Wait(mutex_);
}

std::optional<absl::Time> TimerQueue::NextTime() const {
  MutexLock lock(mutex_);
  if (waiting_.empty()) return std::nullopt;
  return waiting_.begin()->first.first;
}

bool TimerQueue::RunNext(absl::Time now, const std::function<void(absl::Time)>& before) {
  std::function<void()> callback;
  absl::Time time;
  {
    MutexLock lock(mutex_);
    if (waiting_.empty() || waiting_.begin()->first.first > now) return false;
    const auto next = waiting_.begin();
    time = next->first.first;
    running_ = next->first.second;
    running_on_ = std::this_thread::get_id();
    callback = std::move(next->second);
    times_.erase(running_);
    waiting_.erase(next);
  }
  if (before) before(time);
  callback();
  callback = nullptr;  // what it holds is gone, too, before Cancel returns
  {
    MutexLock lock(mutex_);
    running_ = 0;
  }
  ended_.NotifyAll();
  return true;
}

}  // namespace latentd::core
