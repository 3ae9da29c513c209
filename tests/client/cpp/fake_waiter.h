#pragma once

#include <mutex>
#include <vector>

#include "client/cpp/waiter.h"

namespace latentd::client {

// Pauses pass at once and are remembered; the time goes on by them alone. Thread-safe.
class FakeWaiter : public Waiter {
 public:
  absl::Time Now() override {
    const std::lock_guard<std::mutex> lock(mutex_);
    return now_;
  }

  void Wait(absl::Duration duration, std::stop_token) override {
    const std::lock_guard<std::mutex> lock(mutex_);
    now_ += duration;
    pauses_.push_back(duration);
  }

  std::vector<absl::Duration> pauses() const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return pauses_;
  }

 private:
  mutable std::mutex mutex_;
  absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
  std::vector<absl::Duration> pauses_;
};

}  // namespace latentd::client
