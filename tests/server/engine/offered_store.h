#pragma once

#include <condition_variable>
#include <mutex>

#include "server/store/memory_job_store.h"

namespace latentd::engine {

// Keeps what the engine has offered to take in.
class OfferedStore : public store::MemoryJobStore {
 public:
  using MemoryJobStore::MemoryJobStore;

  void Offer(const core::Capacity& capacity) override {
    const std::lock_guard lock(mutex_);
    offered_ = capacity;
    ++offers_;
    changed_.notify_all();
  }
  // Waits until `condition` holds of the last offer.
  template <typename Condition>
  void AwaitOffer(const Condition& condition) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return condition(offered_); });
  }
  // Waits until there were more than `offers`.
  void AwaitMoreThan(int offers) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return offers_ > offers; });
  }
  core::Capacity offered() const {
    const std::lock_guard lock(mutex_);
    return offered_;
  }
  int offers() const {
    const std::lock_guard lock(mutex_);
    return offers_;
  }

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  core::Capacity offered_;
  int offers_ = 0;
};

}  // namespace latentd::engine
