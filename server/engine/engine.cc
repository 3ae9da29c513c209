// The loop, and how jobs end. What a claimed job needs before is in engine_jobs.cc.
#include "server/engine/engine.h"

#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <utility>

#include "server/engine/checkpoint.h"
#include "server/engine/compute_threads.h"

namespace latentd::engine {

Engine::Engine(const Options& options)
    : options_(options),
      executor_({.clock = options.clock, .observer = options.observer, .withhold_flagged = options.withhold_flagged}),
      watchdog_(options.clock, options.stuck_after, [this](bool stuck) { OnStuck(stuck); }),
      scheduler_(options.scheduler),
      canary_({.every = options.canary_every,
               .clock = options.clock,
               .on_time = [inbox = inbox_] { inbox->CanaryDue(); },
               .on_result = options.on_canary}),
      offer_(options.store, options.models),
      workers_(options.worker_threads) {
  options_.models->SetListener([inbox = inbox_] { inbox->ModelsChanged(); });
  options_.store->SetListener(this);  // before the first offer: what follows that is heard
  thread_ = std::thread([this] { Run(); });
}

Engine::~Engine() {
  options_.store->SetListener(nullptr);
  options_.models->SetListener(nullptr);
  inbox_->Stop();
  thread_.join();
}

void Engine::OnStuck(bool stuck) {
  if (stuck) {
    options_.store->Offer({});
  } else {
    offer_.WasTaken();
  }
  if (options_.on_stuck) options_.on_stuck(stuck);
}

void Engine::OnWorkAvailable() { inbox_->AnnounceWork(); }

void Engine::OnJobEnded(const core::Claim& claim) { inbox_->JobEnded(claim); }

bool Engine::WaitUntilIdle(absl::Time deadline) {
  // The store may have accepted a job and not yet said so: the engine looks once more.
  const int64_t announced = inbox_->AnnounceWork();
  bool expired = false;  // guarded by mutex_
  const core::Clock::TimerId timer = options_.clock->At(deadline, [this, &expired] {
    core::MutexLock lock(mutex_);
    expired = true;
    idle_changed_.NotifyAll();
  });
  bool idle = false;
  {
    core::MutexLock lock(mutex_);
    while (!(idle = idle_at_ >= announced && publishing_ == 0) && !expired) idle_changed_.Wait(mutex_);
  }
  options_.clock->Cancel(timer);
  return idle;
}

void Engine::HandBack(std::string reason) { inbox_->HandBack(std::move(reason)); }

int Engine::running_rows() const {
  core::MutexLock lock(mutex_);
  return running_rows_;
}

void Engine::Run() {
  const c10::InferenceMode inference;
  YieldToCallers();
  if (options_.threads > 0) UseComputeThreads(options_.threads);
  bool planned = true;
  for (Inbox::Content content; !content.stop; content = inbox_->Take(/*wait=*/!planned)) {
    const bool canary_due = content.canary_due;
    if (content.models_changed) offer_.ModelsChanged();
    Handle(std::move(content));
    MakeRoomForWaitingModels();
    const std::optional<core::Plan> plan = scheduler_.NextPlan(options_.clock->Now());
    planned = plan.has_value();
    if (planned) RunPlan(*plan);
    if (!handing_back_ && canary_.IsDue(canary_due, !jobs_.empty())) RunCanary();
    NoteState();
    offer_.Make({.jobs = RoomForJobs(), .works = !canary_.failed(), .uses = [this](const std::string& model) {
                   return uses_.contains(model);
                 }});
  }
  jobs_.clear();
  for (auto& [model, use] : uses_) {
    if (!use.lease) options_.models->Withdraw(model, use.request);
  }
  uses_.clear();  // the leases, while the registry is there
}

void Engine::Handle(Inbox::Content&& content) {
  for (const core::Claim& claim : content.ended) {
    const auto job = jobs_.find(claim);
    if (job == jobs_.end()) continue;
    job->second->publisher->Abandoned(job->second->usage);
    ForgetJob(*job->second);
  }
  for (auto& [model, lease] : content.models) OnModel(model, std::move(lease));
  for (auto& [job, inputs] : content.inputs) OnInputs(job, std::move(inputs));
  for (auto& [job, lease] : content.adapters) OnAdapters(job, std::move(lease));
  if (!content.hand_back.empty()) handing_back_ = std::move(content.hand_back);
  if (std::exchange(claimed_at_, content.announced) != content.announced) ClaimJobs();
  // Also what was handed out before the store knew.
  if (handing_back_) {
    while (!jobs_.empty()) HandBackJob(*jobs_.begin()->second, *handing_back_);
  }
}

// A model that finds no room would wait as long as the others are busy: after a while those take in no more rows, and
// leave when the rows that had begun are done. Their waiting jobs come back behind it. A model that has only come stays
// until it has run: were loading slower than the wait, two models would swap for ever and run nothing.
void Engine::MakeRoomForWaitingModels() {
  const absl::Time now = options_.clock->Now();
  const auto long_enough = [&](const ModelUse& use) { return use.since + options_.hold_after <= now; };
  const bool needed = std::any_of(uses_.begin(), uses_.end(),
                                  [&](const auto& use) { return !use.second.lease && long_enough(use.second); }) &&
                      options_.models->ShortOfMemory();
  for (auto& [model, use] : uses_) {
    if (!use.lease) continue;
    const bool hold = needed && use.ran && long_enough(use);
    if (use.held != hold) scheduler_.SetModelHeld(model, use.held = hold);
    if (!hold || scheduler_.ModelStats(model).active_rows > 0) continue;
    scheduler_.SetModelHeld(model, use.held = false);
    scheduler_.SetModelReady(model, false);
    use.lease = {};
    AskForModel(model, use);
  }
}

void Engine::RunPlan(const core::Plan& plan) {
  std::vector<Row*> rows;
  rows.reserve(plan.rows.size());
  for (const core::RowId id : plan.rows) rows.push_back(rows_.at(id));
  ModelUse& use = uses_.at(plan.key.model);
  watchdog_.Begin();
  const Executor::Outcome outcome = executor_.Run(plan.stage, rows, *use.lease);
  watchdog_.End();
  if (outcome.shrink_to) scheduler_.ShrinkBatch(plan.key, plan.stage, *outcome.shrink_to);
  use.ran = use.ran || !outcome.shrink_to;
  scheduler_.Update(plan, options_.clock->Now(), outcome.results);
  const bool stepped = plan.stage == core::Stage::kPredict &&
                       std::count(outcome.results.begin(), outcome.results.end(), core::RowResult::kOk) > 0;
  if (stepped) canary_.NoteStep();
  for (size_t i = 0; i < rows.size(); ++i) {
    const bool failed = outcome.results[i] == core::RowResult::kFailed;
    if (failed) {
      rows[i]->job->publisher->FailedRow(rows[i]->index, rows[i]->seed, outcome.errors[i]);
    }
    if (failed || (plan.stage == core::Stage::kDecode && outcome.results[i] == core::RowResult::kOk))
      FinishRow(*rows[i]);
  }
  if (plan.stage == core::Stage::kPredict) Checkpoint(options_.clock->Now());
}

void Engine::Checkpoint(absl::Time now) {
  if (options_.checkpoint_every == absl::ZeroDuration()) return;
  for (const auto& [claim, job] : jobs_) {
    if (!job->started || now < job->checkpoint_time + options_.checkpoint_every) continue;
    job->checkpoint_time = now;
    job->publisher->Checkpoint(CheckpointOf(*job));
  }
}

void Engine::FinishRow(Row& row) {
  RunningJob& job = *row.job;
  rows_.erase(row.id);
  job.rows.erase(row.id);
  if (!job.rows.empty()) return;
  EndJob(job, absl::OkStatus());
}

void Engine::EndJob(RunningJob& job, absl::Status status) {
  const std::unique_ptr<JobPublisher> publisher = std::move(job.publisher);
  const core::Usage usage = job.usage;
  publisher->Finished(std::move(status), usage, ForgetBeforePublishing(job));
}

void Engine::HandBackJob(RunningJob& job, const std::string& reason) {
  const std::unique_ptr<JobPublisher> publisher = std::move(job.publisher);
  core::Checkpoint checkpoint = CheckpointOf(job);
  publisher->HandBack(reason, std::move(checkpoint), ForgetBeforePublishing(job));
}

void Engine::LeaveToOthers(RunningJob& job, absl::Status status) {
  const std::unique_ptr<JobPublisher> publisher = std::move(job.publisher);
  core::Checkpoint checkpoint = CheckpointOf(job);
  publisher->Unable(std::move(status), std::move(checkpoint), ForgetBeforePublishing(job));
}

// First of all: whoever has seen the last event finds none of the job's rows, and may unload its model.
std::function<void()> Engine::ForgetBeforePublishing(RunningJob& job) {
  ForgetJob(job);
  core::MutexLock lock(mutex_);
  ++publishing_;
  running_rows_ = scheduler_.stats().active_rows;
  return [this] {
    core::MutexLock done(mutex_);
    --publishing_;
    idle_changed_.NotifyAll();
  };
}

void Engine::ForgetJob(RunningJob& job) {
  const core::Claim claim = job.claimed.claim();
  const std::string model = job.request().model();
  scheduler_.RemoveJob(job.scheduler_name());
  if (job.adapters_request) options_.adapters->Withdraw(*job.adapters_request);
  for (const auto& [id, row] : job.rows) rows_.erase(id);
  ModelUse& use = uses_.at(model);
  use.jobs.erase(claim);
  jobs_.erase(claim);
  if (!use.jobs.empty()) return;
  if (!use.lease) options_.models->Withdraw(model, use.request);
  scheduler_.SetModelReady(model, false);
  scheduler_.SetModelHeld(model, false);
  uses_.erase(model);
  offer_.ModelsChanged();
}

// As many wait here as the next batch could take: those behind them are better off where another engine can take them.
int Engine::RoomForJobs() const {
  if (handing_back_ || canary_.failed()) return 0;
  const auto is_waiting = [](const auto& job) { return job.second->sampler == nullptr; };  // for its model
  const auto waiting = std::count_if(jobs_.begin(), jobs_.end(), is_waiting) + scheduler_.stats().waiting_rows;
  return std::max(0, options_.scheduler.batching.max_batch_rows - static_cast<int>(waiting));
}

// Where no model is loaded, there is nothing to look at.
void Engine::RunCanary() {
  const auto borrowed = options_.models->BorrowSmallest();
  if (!borrowed) return canary_.Skip();
  watchdog_.Begin();
  const absl::Status status = engine::RunCanary(borrowed->info, *borrowed->lease);
  watchdog_.End();
  canary_.SetResult(status);
}

void Engine::NoteState() {
  core::MutexLock lock(mutex_);
  running_rows_ = scheduler_.stats().active_rows;
  if (!jobs_.empty()) return;
  idle_at_ = claimed_at_;
  idle_changed_.NotifyAll();
}

}  // namespace latentd::engine
