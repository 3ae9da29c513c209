#include "server/store/notifier.h"

namespace latentd::store {

void Notifier::Notify() {
  {
    core::MutexLock lock(mutex_);
    if (closed_) return;
    if (running_) {
      again_ = true;
      return;
    }
    running_ = true;
    running_on_ = std::this_thread::get_id();
  }
  for (bool again = true; again;) {
    on_ready_();
    core::MutexLock lock(mutex_);
    again = again_ && !closed_;
    again_ = false;
    running_ = again;
  }
  ended_.NotifyAll();
}

void Notifier::Close() {
  core::MutexLock lock(mutex_);
  closed_ = true;
  while (running_ && running_on_ != std::this_thread::get_id()) ended_.Wait(mutex_);
}

}  // namespace latentd::store
