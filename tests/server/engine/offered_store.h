#pragma once

#include <condition_variable>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

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
  void OnUnable(const core::Claim& claim, absl::Status status, core::Checkpoint checkpoint) override {
    {
      const std::lock_guard lock(mutex_);
      unable_.emplace_back(claim.job, status);
    }
    MemoryJobStore::OnUnable(claim, std::move(status), std::move(checkpoint));
  }
  // Jobs that the engine could not run, and why.
  std::vector<std::pair<std::string, absl::Status>> unable() const {
    const std::lock_guard lock(mutex_);
    return unable_;
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
  std::vector<std::pair<std::string, absl::Status>> unable_;
};

}  // namespace latentd::engine
