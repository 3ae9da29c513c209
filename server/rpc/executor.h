#pragma once

#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "server/core/mutex.h"

namespace latentd::rpc {

// Runs pieces of work soon, in their order, on threads of its own: where notifications that must not block, or that
// come under somebody else's lock, go to be acted on, and calls that have to wait. Thread-safe.
class Executor {
 public:
  // 0 threads: whoever posts it does the work, before Post returns.
  explicit Executor(int threads);
  ~Executor() { Stop(); }

  // Dropped after Stop.
  void Post(std::function<void()> work);

  // Drops what waits and returns when nothing runs any more. REQUIRES: not called by work of this executor.
  void Stop();

 private:
  void Run();

  core::Mutex mutex_;
  core::CondVar changed_;
  std::deque<std::function<void()>> work_ ABSL_GUARDED_BY(mutex_);
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace latentd::rpc
