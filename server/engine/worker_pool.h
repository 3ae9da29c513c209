#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "server/core/mutex.h"

namespace latentd::engine {

// Threads for what must not hold up the device: encoding pictures and previews. Thread-safe.
class WorkerPool {
 public:
  explicit WorkerPool(int threads);

  // Carries out everything that was submitted, then ends the threads.
  ~WorkerPool();

  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  // Tasks must not throw.
  void Submit(std::function<void()> task);

 private:
  void Run();

  core::Mutex mutex_;
  core::CondVar changed_;
  std::deque<std::function<void()>> tasks_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

// Tasks of one strand run one after the other, in the order of submission, on the pool's threads: a job's events keep
// their order while different jobs' pictures are encoded side by side. Thread-safe; the pool must outlive the tasks,
// not the strand.
class Strand {
 public:
  explicit Strand(WorkerPool& pool) : state_(std::make_shared<State>(pool)) {}

  void Submit(std::function<void()> task);

 private:
  struct State {
    explicit State(WorkerPool& p) : pool(p) {}

    WorkerPool& pool;
    core::Mutex mutex;
    std::deque<std::function<void()>> tasks ABSL_GUARDED_BY(mutex);
    bool running ABSL_GUARDED_BY(mutex) = false;
  };

  static void RunOne(const std::shared_ptr<State>& state);

  std::shared_ptr<State> state_;
};

}  // namespace latentd::engine
