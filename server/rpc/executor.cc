#include "server/rpc/executor.h"

#include <utility>

namespace latentd::rpc {

Executor::Executor(int threads) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { Run(); });
}

void Executor::Post(std::function<void()> work) {
  {
    core::MutexLock lock(mutex_);
    if (stopped_) return;
    if (!threads_.empty()) {
      work_.push_back(std::move(work));
      changed_.NotifyOne();
      return;
    }
  }
  work();
}

void Executor::Stop() {
  std::deque<std::function<void()>> dropped;  // destroyed outside the lock: they own things
  {
    core::MutexLock lock(mutex_);
    stopped_ = true;
    dropped.swap(work_);
    changed_.NotifyAll();
  }
  for (std::thread& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

void Executor::Run() {
  while (true) {
    std::function<void()> work;
    {
      core::MutexLock lock(mutex_);
      while (work_.empty() && !stopped_) changed_.Wait(mutex_);
      if (stopped_) return;
      work = std::move(work_.front());
      work_.pop_front();
    }
    work();
  }
}

}  // namespace latentd::rpc
