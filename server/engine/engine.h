#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "server/core/clock.h"
#include "server/core/job_store.h"
#include "server/core/mutex.h"
#include "server/core/observer.h"
#include "server/core/scheduler.h"
#include "server/engine/adapter_registry.h"
#include "server/engine/canary.h"
#include "server/engine/executor.h"
#include "server/engine/inbox.h"
#include "server/engine/model_registry.h"
#include "server/engine/offer.h"
#include "server/engine/row.h"
#include "server/engine/watchdog.h"
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

    AdapterRegistry* adapters = nullptr;  // may be null when no request names any
    core::Observer* observer = nullptr;   // may be null
    core::SchedulerOptions scheduler;
    bool withhold_flagged = true;  // pictures that a model's safety checker flags; else they are sent, and marked
    // How often the store is told where a job stands; 0: never. A step is never split.
    absl::Duration checkpoint_every;
    int threads = 0;         // for the computation; 0: LibTorch's choice
    int worker_threads = 2;  // for encoding pictures
    // A job whose model finds no room on the device waits this long before models in use are emptied for it; each of
    // those stays this long at least, and until it has run something.
    absl::Duration hold_after = absl::Seconds(2);
    // A stage that takes longer is stuck: `on_stuck(true)`, and `on_stuck(false)` when it ends after all. On the
    // clock's and the engine's thread; must neither block nor call the engine. May be null.
    absl::Duration stuck_after = absl::Minutes(10);
    std::function<void(bool)> on_stuck;
    // An engine without jobs for so long takes a step that nobody asked for, and again each time (Canary), to see
    // whether the device works; the watchdog looks at it, too. 0: never. While it does not, jobs that other engines
    // could run are left to them.
    absl::Duration canary_every;
    // Why the step failed, each time; and OK with the first step that succeeds after that, be it a job's. On the
    // engine's thread; must not block. May be null.
    std::function<void(const absl::Status&)> on_canary;
    std::string software;
  };

  explicit Engine(const Options& options);

  // Stops after the stage that is running; jobs that are not finished stay as they are in the store.
  ~Engine() override;

  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // Waits until every job that the store has accepted before the call has ended, or until `deadline` of the engine's
  // clock: then false.
  bool WaitUntilIdle(absl::Time deadline);

  // Gives every job back to the store after the stage that is running, with what was done of it, and claims none any
  // more. Returns at once: WaitUntilIdle says when it is done.
  void HandBack(std::string reason);

  int running_rows() const;

  // core::WorkListener
  void OnWorkAvailable() override;
  void OnJobEnded(const core::Claim& claim) override;

 private:
  // A model that claimed jobs need.
  struct ModelUse {
    ModelLease lease;  // empty: asked for and not there yet
    ModelRegistry::Request request = 0;
    absl::Time since;   // asked for, or there
    bool ran = false;   // something, since it is there
    bool held = false;  // being emptied for another model
    std::map<core::Claim, RunningJob*> jobs;
  };

  // On the clock's thread: a stage takes far too long, and nothing more is to come in. On this one: it has ended.
  void OnStuck(bool stuck);
  void Run();
  void Handle(Inbox::Content&& content);
  void ClaimJobs();
  // Whether the job can be run with what there is here: another engine's callers may have asked for more.
  absl::Status CheckIsKnown(const core::GenerationRequest& request) const;
  void AskForModel(const std::string& model, ModelUse& use);
  void OnModel(const std::string& model, absl::StatusOr<ModelLease> lease);
  // Decodes the job's pictures, off this thread; OnInputs follows.
  void DecodeInputs(const RunningJob& job);
  void OnInputs(const core::Claim& claim, absl::StatusOr<model::TaskInputs> inputs);
  // Asks for the job's adapters, of the model that is there now; OnAdapters follows.
  void AskForAdapters(RunningJob& job, const ModelUse& use);
  void OnAdapters(const core::Claim& claim, absl::StatusOr<AdapterLease> lease);
  // Hands the job's rows to the scheduler once its model, its pictures and its adapters are there.
  void SubmitRows(RunningJob& job, ModelUse& use);
  void MakeRoomForWaitingModels();
  void RunPlan(const core::Plan& plan);
  void FinishRow(Row& row);
  // Tells the store where jobs stand when it is time.
  void Checkpoint(absl::Time now);
  // Publishes the job's last event and forgets it.
  void EndJob(RunningJob& job, absl::Status status);
  // Gives it up likewise.
  void HandBackJob(RunningJob& job, const std::string& reason);
  // Likewise, as it cannot be run here.
  void LeaveToOthers(RunningJob& job, absl::Status status);
  // Forgets it, so that what follows is published after its rows are gone; runs when that is done.
  std::function<void()> ForgetBeforePublishing(RunningJob& job);
  void ForgetJob(RunningJob& job);
  void RunCanary();
  void NoteState();
  int RoomForJobs() const;

  const Options options_;
  const std::shared_ptr<Inbox> inbox_ = std::make_shared<Inbox>();

  // The engine thread's own.
  Executor executor_;
  Watchdog watchdog_;
  core::Scheduler scheduler_;
  Canary canary_;
  Offer offer_;
  // Of a job that was lost and claimed again both claims are here, until the store has told of the first one's end.
  std::map<core::Claim, std::unique_ptr<RunningJob>> jobs_;
  std::map<core::RowId, Row*> rows_;
  std::map<std::string, ModelUse> uses_;
  core::RowId next_row_ = 1;
  int64_t claimed_at_ = 0;                   // the announcement of work that was followed last
  std::optional<std::string> handing_back_;  // why; empty: jobs are run

  mutable core::Mutex mutex_;
  core::CondVar idle_changed_;
  int64_t idle_at_ ABSL_GUARDED_BY(mutex_) = 0;  // the announcement of work after which all was done, the last of them
  int publishing_ ABSL_GUARDED_BY(mutex_) = 0;   // jobs whose last event is on its way
  int running_rows_ ABSL_GUARDED_BY(mutex_) = 0;

  WorkerPool workers_;  // goes before what its tasks use
  std::thread thread_;
};

}  // namespace latentd::engine
