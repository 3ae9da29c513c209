#pragma once

#include <functional>
#include <thread>
#include <utility>

#include "server/core/mutex.h"

namespace latentd::store {

// Calls a watch's `on_ready`: never twice at a time, never after Close, and without any lock. Thread-safe.
class Notifier {
 public:
  explicit Notifier(std::function<void()> on_ready) : on_ready_(std::move(on_ready)) {}

  // Calls it; when another thread is just calling it, lets that thread call it once more.
  void Notify();

  // After the return no call begins, and none is under way except on this very thread.
  void Close();

 private:
  const std::function<void()> on_ready_;

  core::Mutex mutex_;
  core::CondVar ended_;
  bool running_ ABSL_GUARDED_BY(mutex_) = false;
  bool again_ ABSL_GUARDED_BY(mutex_) = false;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread::id running_on_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace latentd::store
