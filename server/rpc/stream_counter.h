#pragma once

#include <functional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "server/core/mutex.h"

namespace latentd::rpc {

// Counts the open event streams, tells of every change, and lets a shutdown wait for the last. Thread-safe.
class StreamCounter {
 public:
  // `on_change` may be null; it is called with the new number, in order, and must not block nor call back.
  explicit StreamCounter(std::function<void(int)> on_change) : on_change_(std::move(on_change)) {}

  void Add(int change);
  int count() const;

  // Waits until there is none, at most so long.
  void WaitForNone(absl::Duration patience);

 private:
  const std::function<void(int)> on_change_;
  mutable core::Mutex mutex_;
  core::CondVar changed_;
  int count_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace latentd::rpc
