// Everything at once, for the thread sanitizer: callers who create, watch, cancel, delete and list; an engine that runs
// jobs; timeouts and retention on a real clock.

#include <gtest/gtest.h>

#include <atomic>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "server/core/system_clock.h"
#include "server/store/memory_job_store.h"
#include "tests/server/core/test_requests.h"

namespace latentd::store {
namespace {

constexpr int kCallers = 4;
constexpr int kJobsPerCaller = 150;

// Claims jobs and runs them to their end, letting go of those that it is told have ended.
class FakeEngine : public core::WorkListener {
 public:
  explicit FakeEngine(MemoryJobStore* store) : store_(store), thread_([this] { Run(); }) { store_->SetListener(this); }

  ~FakeEngine() override {
    store_->SetListener(nullptr);
    {
      core::MutexLock lock(mutex_);
      stopping_ = true;
    }
    changed_.NotifyAll();
    thread_.join();
  }

  void OnWorkAvailable() override {
    {
      core::MutexLock lock(mutex_);
      work_ = true;
    }
    changed_.NotifyAll();
  }

  void OnJobEnded(const core::Claim& claim) override {
    core::MutexLock lock(mutex_);
    ended_.insert(claim.job);
  }

 private:
  void Run() {
    for (;;) {
      {
        core::MutexLock lock(mutex_);
        while (!work_ && !stopping_) changed_.Wait(mutex_);
        if (stopping_) return;
        work_ = false;
      }
      for (std::vector<core::ClaimedJob> jobs = store_->Claim(3); !jobs.empty(); jobs = store_->Claim(3)) {
        for (const core::ClaimedJob& job : jobs) RunJob(job);
      }
    }
  }

  bool HasEnded(const std::string& name) {
    core::MutexLock lock(mutex_);
    return ended_.erase(name) > 0;
  }

  void RunJob(const core::ClaimedJob& job) {
    store_->OnStarted(job.name, {.seed = job.request->seed()});
    for (int step = 1; step <= 20; ++step) {
      if (HasEnded(job.name)) return;
      store_->OnProgress(job.name, {.step = step, .total_steps = 20});
    }
    store_->OnOutput(job.name, {.data = std::make_shared<const std::string>(2000, 'x')});
    store_->OnCompleted(job.name, {});
  }

  MemoryJobStore* const store_;
  core::Mutex mutex_;
  core::CondVar changed_;
  bool work_ ABSL_GUARDED_BY(mutex_) = false;
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::set<std::string> ended_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

// Reads a job's history to its end, waiting for notices; gives the last event's sequence.
int64_t ReadToTheEnd(MemoryJobStore& store, const std::string& name) {
  core::Mutex mutex;
  core::CondVar changed;
  bool ready = false;
  auto watch = store.OpenWatch(name, 0, [&] {
    core::MutexLock lock(mutex);
    ready = true;
    changed.NotifyAll();
  });
  int64_t last = 0;
  while (watch.ok()) {
    const auto event = (*watch)->Next();
    if (!event.ok()) break;  // forgotten meanwhile
    if (event->has_value()) {
      EXPECT_GT((*event)->sequence, last);
      last = (*event)->sequence;
      if ((*event)->terminal()) return last;
      continue;
    }
    core::MutexLock lock(mutex);
    while (!ready) changed.Wait(mutex);
    ready = false;
  }
  return last;
}

TEST(MemoryJobStoreStressTest, NothingIsLostWhenEverythingHappensAtOnce) {
  core::SystemClock clock;
  MemoryJobStore store({.clock = &clock,
                        .max_queued_jobs = 50,
                        .job_ttl = absl::Milliseconds(200),
                        .job_bytes = 300'000,
                        .max_finished_jobs = 60});
  std::atomic<int> created = 0;
  std::atomic<int> ended_for_watchers = 0;
  {
    FakeEngine engine(&store);
    std::vector<std::thread> callers;
    for (int caller = 0; caller < kCallers; ++caller) {
      callers.emplace_back([&, caller] {
        for (int i = 0; i < kJobsPerCaller; ++i) {
          core::RequestFields fields = core::TestFields();
          fields.priority = i % 5 - 2;
          if (i % 10 == caller) fields.timeout = absl::Microseconds(300);
          const auto job = store.Create(core::TestRequest(fields), {});
          if (!job.ok()) {
            EXPECT_EQ(job.status().code(), absl::StatusCode::kUnavailable);
            continue;
          }
          ++created;
          switch (i % 4) {
            case 0:
              if (ReadToTheEnd(store, job->name) > 0) ++ended_for_watchers;
              break;
            case 1:
              store.Cancel(job->name, "CALLER").IgnoreError();
              break;
            case 2: {
              // A caller who vanishes while he is being notified.
              auto watch = store.OpenWatch(job->name, 0, [] {});
              if (watch.ok()) (*watch)->Next().IgnoreError();
              break;
            }
            default:
              store.List({.page_size = 5}).IgnoreError();
              store.Delete(job->name).IgnoreError();
          }
        }
      });
    }
    for (std::thread& caller : callers) caller.join();

    // Whatever waits still is run, or its time ends.
    const core::JobPage before = store.List({.page_size = 1000}).value();
    for (const core::Job& job : before.jobs) ReadToTheEnd(store, job.name);
    const core::JobPage after = store.List({.page_size = 1000}).value();
    for (const core::Job& job : after.jobs) EXPECT_TRUE(core::IsFinal(job.state));
  }
  EXPECT_GT(created, kCallers);
  EXPECT_GT(ended_for_watchers, 0);
}

TEST(MemoryJobStoreStressTest, WatchesMayGoWhileTheyAreNotified) {
  core::SystemClock clock;
  MemoryJobStore store({.clock = &clock});
  const std::string name = store.Create(core::TestRequest(), {}).value().name;
  std::atomic<bool> stop = false;
  std::thread writer([&] {
    for (int step = 0; !stop; ++step) store.OnProgress(name, {.step = step});
  });
  std::vector<std::thread> readers;
  for (int r = 0; r < 3; ++r) {
    readers.emplace_back([&] {
      for (int i = 0; i < 500; ++i) {
        auto alive = std::make_unique<std::atomic<int>>(0);
        auto watch = store.OpenWatch(name, 0, [&alive] { ++*alive; }).value();
        while (watch->Next().value().has_value()) {
        }
        watch = nullptr;
        alive = nullptr;  // a notice from now on would be a fault
      }
    });
  }
  for (std::thread& reader : readers) reader.join();
  stop = true;
  writer.join();
}

}  // namespace
}  // namespace latentd::store
