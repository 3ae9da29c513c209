#pragma once

#include <memory>
#include <stop_token>

#include "absl/time/time.h"

namespace latentd::client {

// The time, and the pauses between two tries; injected, so that tests do not sleep. Thread-safe.
class Waiter {
 public:
  virtual ~Waiter() = default;

  virtual absl::Time Now() = 0;

  // Returns after `duration`, or as soon as a stop is requested.
  virtual void Wait(absl::Duration duration, std::stop_token stop) = 0;

  // The real time.
  static std::shared_ptr<Waiter> Real();
};

}  // namespace latentd::client
