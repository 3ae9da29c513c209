#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/core/clock.h"
#include "server/core/job_store.h"
#include "server/core/mutex.h"
#include "server/core/observer.h"
#include "server/core/scheduler.h"
#include "server/engine/executor.h"
#include "server/engine/model_registry.h"
#include "server/engine/row.h"
#include "server/engine/worker_pool.h"

namespace latentd::engine {

// The loop that owns the device: claims jobs, plans, runs and books, one stage of one batch at a time.
//
//   Engine engine({.store = &store, .models = &registry, .clock = &clock, .software = "latentd 0.1.0"});
//   …
//   store.Drain();
//   engine.WaitUntilIdle(deadline);
//
// All torch work of jobs happens on its one thread, which waits on a condition variable when there is nothing to do.
// Public calls are thread-safe.
class Engine : public core::WorkListener {
 public:
  struct Options {
    // REQUIRED; they outlive the engine.
    core::JobStore* store = nullptr;
    ModelRegistry* models = nullptr;
    core::Clock* clock = nullptr;

    core::Observer* observer = nullptr;  // may be null
    core::SchedulerOptions scheduler;
    int threads = 0;          // for the computation; 0: LibTorch's choice
    int worker_threads = 2;   // for encoding pictures
    int claim_window = 1024;  // jobs claimed and not finished: the scheduler sees so far into the queue
    // A job whose model finds no room on the device waits this long before models in use are emptied for it.
    absl::Duration hold_after = absl::Seconds(2);
    std::string software;
  };

  explicit Engine(const Options& options);

  // Stops after the stage that is running; jobs that are not finished stay as they are in the store.
  ~Engine() override;

  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Waits until every claimed job has ended and nothing waits to be claimed, or until `deadline` of the engine's clock:
  // then false.
  bool WaitUntilIdle(absl::Time deadline);

  int running_rows() const;

  // core::WorkListener
  void OnWorkAvailable() override;
  void OnJobEnded(const std::string& name) override;

 private:
  // What other threads leave for the engine thread.
  struct Inbox {
    bool work_available = false;
    bool stop = false;
    std::vector<std::string> ended;
    std::vector<std::pair<std::string, absl::StatusOr<ModelLease>>> models;

    bool Empty() const { return !work_available && !stop && ended.empty() && models.empty(); }
  };

  // A model that claimed jobs need.
  struct ModelUse {
    ModelLease lease;  // empty: asked for and not there yet
    absl::Time asked;
    bool held = false;  // being emptied for another model
    std::map<std::string, RunningJob*> jobs;
  };

  void Run();
  bool TakeInbox(Inbox& inbox, bool wait);
  void Handle(Inbox inbox);
  void ClaimJobs();
  void AskForModel(const std::string& model, ModelUse& use);
  void OnModel(const std::string& model, absl::StatusOr<ModelLease> lease);
  void SubmitRows(RunningJob& job, ModelUse& use);
  void MakeRoomForWaitingModels();
  void RunPlan(const core::Plan& plan);
  void FinishRow(Row& row);
  // Publishes the job's last event and forgets it.
  void EndJob(RunningJob& job, absl::Status status);
  void ForgetJob(RunningJob& job);
  void NoteState();

  const Options options_;
  WorkerPool workers_;
  Executor executor_;

  // The engine thread's own.
  core::Scheduler scheduler_;
  std::map<std::string, std::unique_ptr<RunningJob>> jobs_;
  std::map<core::RowId, Row*> rows_;
  std::map<std::string, ModelUse> uses_;
  core::RowId next_row_ = 1;
  bool work_available_ = true;  // the store may hold jobs from before

  mutable core::Mutex mutex_;
  core::CondVar inbox_changed_;
  core::CondVar idle_changed_;
  Inbox inbox_ ABSL_GUARDED_BY(mutex_);
  bool idle_ ABSL_GUARDED_BY(mutex_) = false;
  int publishing_ ABSL_GUARDED_BY(mutex_) = 0;  // jobs whose last event is on its way
  int running_rows_ ABSL_GUARDED_BY(mutex_) = 0;

  std::thread thread_;
};

}  // namespace latentd::engine
