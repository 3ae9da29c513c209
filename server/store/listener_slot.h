#pragma once

#include "server/core/job_store.h"
#include "server/core/mutex.h"

namespace latentd::store {

// Who is told of work, and the certainty that a listener which was taken out is not called any more. Thread-safe.
class ListenerSlot {
 public:
  // Returns when no call of the former listener is under way: never call it from inside one.
  void Set(core::WorkListener* listener) {
    core::MutexLock lock(mutex_);
    listener_ = listener;
    while (calls_ > 0) ended_.Wait(mutex_);
  }

  // `call(listener)`, without a lock; nothing when there is none.
  template <typename Call>
  void Tell(const Call& call) {
    core::WorkListener* listener = nullptr;
    {
      core::MutexLock lock(mutex_);
      listener = listener_;
      if (listener == nullptr) return;
      ++calls_;
    }
    call(*listener);
    {
      core::MutexLock lock(mutex_);
      --calls_;
    }
    ended_.NotifyAll();
  }

 private:
  core::Mutex mutex_;
  core::CondVar ended_;
  core::WorkListener* listener_ ABSL_GUARDED_BY(mutex_) = nullptr;
  int calls_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace latentd::store
