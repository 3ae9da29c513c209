#include "server/engine/worker_pool.h"

#include <utility>

namespace latentd::engine {

WorkerPool::WorkerPool(int threads) {
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { Run(); });
}

WorkerPool::~WorkerPool() {
  {
    core::MutexLock lock(mutex_);
    stopping_ = true;
  }
  changed_.NotifyAll();
  for (std::thread& thread : threads_) thread.join();
}

void WorkerPool::Submit(std::function<void()> task) {
  {
    core::MutexLock lock(mutex_);
    tasks_.push_back(std::move(task));
  }
  changed_.NotifyOne();
}

void WorkerPool::Run() {
  while (true) {
    std::function<void()> task;
    {
      core::MutexLock lock(mutex_);
      while (tasks_.empty() && !stopping_) changed_.Wait(mutex_);
      if (tasks_.empty()) return;
      task = std::move(tasks_.front());
      tasks_.pop_front();
    }
    task();
  }
}

void Strand::Submit(std::function<void()> task) {
  {
    core::MutexLock lock(state_->mutex);
    state_->tasks.push_back(std::move(task));
    if (std::exchange(state_->running, true)) return;
  }
  state_->pool.Submit([state = state_] { RunOne(state); });
}

void Strand::RunOne(const std::shared_ptr<State>& state) {
  std::function<void()> task;
  {
    core::MutexLock lock(state->mutex);
    task = std::move(state->tasks.front());
    state->tasks.pop_front();
  }
  task();
  task = nullptr;
  {
    core::MutexLock lock(state->mutex);
    if (state->tasks.empty()) {
      state->running = false;
      return;
    }
  }
  // Back to the end of the pool's queue, so that a busy job does not hold a thread for itself.
  state->pool.Submit([state] { RunOne(state); });
}

}  // namespace latentd::engine
