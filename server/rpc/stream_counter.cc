#include "server/rpc/stream_counter.h"

#include <algorithm>
#include <chrono>

namespace latentd::rpc {

void StreamCounter::Add(int change) {
  core::MutexLock lock(mutex_);
  count_ += change;
  if (on_change_) on_change_(count_);
  if (count_ == 0) changed_.NotifyAll();
}

int StreamCounter::count() const {
  core::MutexLock lock(mutex_);
  return count_;
}

void StreamCounter::WaitForNone(absl::Duration patience) {
  // An infinite time would overflow.
  patience = std::min(patience, absl::Hours(24 * 365));
  const auto wait = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(patience);
  core::MutexLock lock(mutex_);
  while (count_ > 0 && std::chrono::steady_clock::now() < wait) changed_.WaitUntil(mutex_, wait);
}

}  // namespace latentd::rpc
