#pragma once

#include <condition_variable>
#include <mutex>

namespace latentd::client {

// A counting semaphore. std::counting_semaphore of gcc 12 can sleep for ever although it was released
// (gcc.gnu.org/PR104928).
class Semaphore {
 public:
  void release() {
    const std::lock_guard lock(mutex_);
    ++count_;
    changed_.notify_one();
  }
  void acquire() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return count_ > 0; });
    --count_;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int count_ = 0;
};

}  // namespace latentd::client
