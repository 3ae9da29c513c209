#include "server/engine/watchdog.h"

#include <utility>

namespace latentd::engine {

Watchdog::Watchdog(core::Clock* clock, absl::Duration bound, std::function<void(bool stuck)> tell)
    : clock_(clock), bound_(bound), tell_(std::move(tell)) {}

Watchdog::~Watchdog() {
  std::optional<core::Clock::TimerId> timer;
  {
    core::MutexLock lock(mutex_);
    began_.reset();  // a timer that is running sets no other
    timer = timer_;
  }
  if (timer) clock_->Cancel(*timer);
}

void Watchdog::Begin() {
  core::MutexLock lock(mutex_);
  began_ = clock_->Now();
  if (!timer_) SetTimer();
}

void Watchdog::End() {
  core::MutexLock lock(mutex_);
  began_.reset();
  if (std::exchange(stuck_, false) && tell_) tell_(false);
}

// One timer serves many pieces of work: it looks when the piece that set it should be long over, and then sets itself
// for the one that goes on, so that short pieces cost no timer each.
void Watchdog::SetTimer() {
  timer_ = clock_->At(*began_ + bound_, [this] { OnTimer(); });
}

void Watchdog::OnTimer() {
  core::MutexLock lock(mutex_);
  timer_.reset();
  if (!began_) return;
  if (clock_->Now() < *began_ + bound_) return SetTimer();
  stuck_ = true;
  if (tell_) tell_(true);
}

}  // namespace latentd::engine
