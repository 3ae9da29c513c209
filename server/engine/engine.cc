#include "server/engine/engine.h"

#include <ATen/Parallel.h>
#include <c10/core/InferenceMode.h>

#include <algorithm>

#include "model/samplers/sampler.h"
#include "server/engine/status.h"

namespace latentd::engine {

Engine::Engine(const Options& options)
    : options_(options),
      workers_(options.worker_threads),
      executor_({.clock = options.clock, .observer = options.observer}),
      scheduler_(options.scheduler) {
  thread_ = std::thread([this] { Run(); });
  options_.store->SetListener(this);
}

Engine::~Engine() {
  options_.store->SetListener(nullptr);
  {
    core::MutexLock lock(mutex_);
    inbox_.stop = true;
  }
  inbox_changed_.NotifyAll();
  thread_.join();
}

void Engine::OnWorkAvailable() {
  core::MutexLock lock(mutex_);
  inbox_.work_available = true;
  idle_ = false;
  inbox_changed_.NotifyAll();
}

void Engine::OnJobEnded(const std::string& name) {
  core::MutexLock lock(mutex_);
  inbox_.ended.push_back(name);
  inbox_changed_.NotifyAll();
}

bool Engine::WaitUntilIdle(absl::Time deadline) {
  bool expired = false;  // guarded by mutex_
  const core::Clock::TimerId timer = options_.clock->At(deadline, [this, &expired] {
    core::MutexLock lock(mutex_);
    expired = true;
    idle_changed_.NotifyAll();
  });
  bool idle = false;
  {
    core::MutexLock lock(mutex_);
    while (!(idle = idle_ && publishing_ == 0) && !expired) idle_changed_.Wait(mutex_);
  }
  options_.clock->Cancel(timer);
  return idle;
}

int Engine::running_rows() const {
  core::MutexLock lock(mutex_);
  return running_rows_;
}

void Engine::Run() {
  const c10::InferenceMode inference;
  if (options_.threads > 0) at::set_num_threads(options_.threads);
  bool planned = true;
  Inbox inbox;
  while (TakeInbox(inbox, /*wait=*/!planned)) {
    Handle(std::move(inbox));
    if (work_available_) ClaimJobs();
    MakeRoomForWaitingModels();
    const std::optional<core::Plan> plan = scheduler_.NextPlan(options_.clock->Now());
    planned = plan.has_value();
    if (planned) RunPlan(*plan);
    NoteState();
  }
  jobs_.clear();
  uses_.clear();  // the leases, while the registry is there
}

// Takes what was left, after waiting for something if `wait`. False: stop.
bool Engine::TakeInbox(Inbox& inbox, bool wait) {
  core::MutexLock lock(mutex_);
  while (wait && inbox_.Empty()) inbox_changed_.Wait(mutex_);
  if (inbox_.stop) return false;
  inbox = std::exchange(inbox_, {});
  return true;
}

void Engine::Handle(Inbox inbox) {
  for (const std::string& name : inbox.ended) {
    const auto job = jobs_.find(name);
    if (job == jobs_.end()) continue;
    job->second->publisher->Abandoned(job->second->usage);
    ForgetJob(*job->second);
  }
  for (auto& [model, lease] : inbox.models) OnModel(model, std::move(lease));
  work_available_ = work_available_ || inbox.work_available;
}

void Engine::ClaimJobs() {
  const int limit = options_.claim_window - static_cast<int>(jobs_.size());
  if (limit <= 0) return;  // again when a job ends
  std::vector<core::ClaimedJob> claimed = options_.store->Claim(limit);
  work_available_ = static_cast<int>(claimed.size()) == limit;
  for (core::ClaimedJob& each : claimed) {
    auto owned = std::make_unique<RunningJob>();
    RunningJob& job = *owned;
    job.claimed = std::move(each);
    job.publisher = std::make_unique<JobPublisher>(
        JobPublisher::Context{
            .sink = options_.store, .observer = options_.observer, .workers = &workers_, .software = options_.software},
        job.claimed);
    const std::string& model = job.request().model();
    jobs_[job.claimed.name] = std::move(owned);
    ModelUse& use = uses_[model];
    use.jobs[job.claimed.name] = &job;
    if (use.lease) {
      SubmitRows(job, use);
    } else if (use.jobs.size() == 1) {
      AskForModel(model, use);
    }
  }
}

void Engine::AskForModel(const std::string& model, ModelUse& use) {
  use.asked = options_.clock->Now();
  options_.models->Acquire(model, [this, model](absl::StatusOr<ModelLease> lease) {
    core::MutexLock lock(mutex_);
    inbox_.models.emplace_back(model, std::move(lease));
    inbox_changed_.NotifyAll();
  });
}

void Engine::OnModel(const std::string& model, absl::StatusOr<ModelLease> lease) {
  const auto found = uses_.find(model);
  if (found == uses_.end() || found->second.lease) return;  // nobody waits any more
  ModelUse& use = found->second;
  const std::map<std::string, RunningJob*> jobs = use.jobs;
  if (!lease.ok()) {
    for (const auto& [name, job] : jobs) EndJob(*job, lease.status());
    return;
  }
  use.lease = *std::move(lease);
  scheduler_.SetModelReady(model, true);
  for (const auto& [name, job] : jobs) {
    if (job->sampler == nullptr) SubmitRows(*job, use);
  }
}

void Engine::SubmitRows(RunningJob& job, ModelUse& use) {
  const core::GenerationRequest& request = job.request();
  std::vector<int64_t> shape;
  const absl::Status status = GuardedChoice([&] {
    shape = use.lease->LatentShape(request.width(), request.height());
    job.sampler = use.lease->MakeSampler({.kind = *model::ParseSamplerKind(request.sampler()),
                                          .sigmas = *model::ParseSigmaSpacing(request.sigmas()),
                                          .steps = request.steps(),
                                          .eta = request.eta()});
  });
  if (!status.ok()) return EndJob(job, status);
  job.key = {.model = request.model(),
             .latent_height = static_cast<int>(shape[1]),
             .latent_width = static_cast<int>(shape[2]),
             .motion = {}};
  for (int i = 0; i < request.num_images(); ++i) {
    auto row = std::make_unique<Row>();
    row->id = next_row_++;
    row->job = &job;
    row->index = i;
    row->seed = request.seed() + i;
    scheduler_.Submit({.id = row->id,
                       .job = job.claimed.name,
                       .key = job.key,
                       .priority = request.priority(),
                       .submitted = job.claimed.create_time,
                       .evaluations = job.sampler->evaluations(),
                       .lanes = request.guided() ? 2 : 1});
    rows_[row->id] = row.get();
    job.rows[row->id] = std::move(row);
  }
}

// A model that finds no room would wait as long as the others are busy: after a while those take in no more rows, and
// leave when the rows that had begun are done. Their waiting jobs come back behind it.
void Engine::MakeRoomForWaitingModels() {
  const absl::Time now = options_.clock->Now();
  bool hold = false;
  for (const auto& [model, use] : uses_) {
    hold = hold || (!use.lease && use.asked + options_.hold_after <= now && options_.models->ShortOfMemory());
  }
  for (auto& [model, use] : uses_) {
    if (!use.lease) continue;
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
  const Executor::Outcome outcome = executor_.Run(plan.stage, rows, *uses_.at(plan.key.model).lease);
  if (outcome.shrink_to) scheduler_.ShrinkBatch(plan.key, plan.stage, *outcome.shrink_to);
  scheduler_.Update(plan, options_.clock->Now(), outcome.results);
  for (size_t i = 0; i < rows.size(); ++i) {
    const bool failed = outcome.results[i] == core::RowResult::kFailed;
    if (failed) {
      rows[i]->job->publisher->FailedOutput(rows[i]->index, rows[i]->seed, outcome.errors[i]);
    }
    if (failed || (plan.stage == core::Stage::kDecode && outcome.results[i] == core::RowResult::kOk))
      FinishRow(*rows[i]);
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
  {
    core::MutexLock lock(mutex_);
    ++publishing_;
  }
  job.publisher->Finished(std::move(status), job.usage, [this] {
    core::MutexLock lock(mutex_);
    --publishing_;
    idle_changed_.NotifyAll();
  });
  ForgetJob(job);
}

void Engine::ForgetJob(RunningJob& job) {
  const std::string name = job.claimed.name;
  const std::string model = job.request().model();
  scheduler_.RemoveJob(name);
  for (const auto& [id, row] : job.rows) rows_.erase(id);
  ModelUse& use = uses_.at(model);
  use.jobs.erase(name);
  jobs_.erase(name);
  work_available_ = true;  // there is room in the claim window
  if (!use.jobs.empty()) return;
  scheduler_.SetModelReady(model, false);
  scheduler_.SetModelHeld(model, false);
  uses_.erase(model);
}

void Engine::NoteState() {
  core::MutexLock lock(mutex_);
  running_rows_ = scheduler_.stats().active_rows;
  idle_ = jobs_.empty() && !work_available_ && !inbox_.work_available;
  if (idle_) idle_changed_.NotifyAll();
}

}  // namespace latentd::engine
