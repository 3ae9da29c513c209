#include "server/engine/engine.h"

#include <c10/core/InferenceMode.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "model/samplers/sampler.h"
#include "server/engine/checkpoint.h"
#include "server/engine/compute_threads.h"
#include "server/engine/image_prompt_inputs.h"
#include "server/engine/job_inputs.h"
#include "server/engine/status.h"

namespace latentd::engine {
namespace {

std::string NameForScheduler(const RunningJob& job) { return absl::StrCat(job.claimed.name, " ", job.claimed.token); }

}  // namespace

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

// All there are: how many may wait is the store's to say, and the jobs of a model that is being loaded must not stand
// in the way of others.
void Engine::ClaimJobs() {
  std::vector<core::ClaimedJob> claimed = options_.store->Claim(std::numeric_limits<int>::max());
  offer_.WasTaken();
  for (core::ClaimedJob& each : claimed) {
    auto owned = std::make_unique<RunningJob>();
    RunningJob& job = *owned;
    job.claimed = std::move(each);
    job.usage = job.claimed.checkpoint.usage;
    job.publisher = std::make_unique<JobPublisher>(
        JobPublisher::Context{
            .sink = options_.store, .observer = options_.observer, .workers = &workers_, .software = options_.software},
        job.claimed);
    const std::string& model = job.request().model();
    jobs_[job.claimed.claim()] = std::move(owned);
    ModelUse& use = uses_[model];
    use.jobs[job.claimed.claim()] = &job;
    if (use.jobs.size() == 1) offer_.ModelsChanged();
    if (!core::PicturesOf(job.request().fields()).empty()) {
      DecodeInputs(job);
    } else {
      job.inputs.emplace().denoising_end = job.request().denoising_end();
    }
    if (job.request().adapters().empty()) job.adapters.emplace();
    if (use.lease) {
      SubmitRows(job, use);
    } else if (use.jobs.size() == 1) {
      AskForModel(model, use);
    }
  }
}

void Engine::AskForModel(const std::string& model, ModelUse& use) {
  use.since = options_.clock->Now();
  const auto ready = [weak = std::weak_ptr(inbox_), model](absl::StatusOr<ModelLease> lease) {
    if (const std::shared_ptr<Inbox> inbox = weak.lock()) inbox->ModelReady(model, std::move(lease));
  };
  use.request = options_.models->Acquire(model, ready);
}

void Engine::OnModel(const std::string& model, absl::StatusOr<ModelLease> lease) {
  const auto found = uses_.find(model);
  if (found == uses_.end() || found->second.lease) return;  // nobody waits any more
  ModelUse& use = found->second;
  const std::map<core::Claim, RunningJob*> jobs = use.jobs;
  if (!lease.ok()) {
    for (const auto& [claim, job] : jobs) LeaveToOthers(*job, lease.status());
    return;
  }
  use.lease = *std::move(lease);
  use.since = options_.clock->Now();
  use.ran = false;
  scheduler_.SetModelReady(model, true);
  for (const auto& [claim, job] : jobs) {
    if (job->sampler == nullptr) {
      SubmitRows(*job, use);
    } else if (job->load != use.lease.load()) {  // began with weights that left
      job->load = use.lease.load();
      job->cond = job->uncond = nullptr;
      job->phrases.clear();
      job->grounding = {};
      job->encoded.reset();
    }
  }
}

void Engine::DecodeInputs(const RunningJob& job) {
  workers_.Submit([inbox = inbox_, claim = job.claimed.claim(), request = job.claimed.request,
                   sizes = ImagePromptSizes(job.request(), options_.adapters)] {
    absl::StatusOr<model::TaskInputs> inputs = DecodeTaskInputs(*request);
    absl::StatusOr<std::vector<at::Tensor>> prompts = DecodeImagePrompts(*request, sizes);
    if (inputs.ok() && !prompts.ok()) {
      inputs = prompts.status();
    } else if (inputs.ok()) {
      inputs->prompt_pictures = *std::move(prompts);
    }
    inbox->InputsReady(claim, std::move(inputs));
  });
}

void Engine::OnInputs(const core::Claim& claim, absl::StatusOr<model::TaskInputs> inputs) {
  const auto found = jobs_.find(claim);
  if (found == jobs_.end()) return;  // ended meanwhile
  RunningJob& job = *found->second;
  if (!inputs.ok()) return EndJob(job, inputs.status());
  job.inputs = *std::move(inputs);
  if (ModelUse& use = uses_.at(job.request().model()); use.lease) SubmitRows(job, use);
}

void Engine::AskForAdapters(RunningJob& job, const ModelUse& use) {
  std::vector<std::string> names;
  for (const core::AdapterUse& adapter : job.request().adapters()) names.push_back(adapter.name);
  const auto ready = [weak = std::weak_ptr(inbox_), claim = job.claimed.claim()](absl::StatusOr<AdapterLease> lease) {
    if (const std::shared_ptr<Inbox> inbox = weak.lock()) inbox->AdaptersReady(claim, std::move(lease));
  };
  job.adapters_request =
      options_.adapters->Acquire(std::move(names), {.model = use.lease.shared(), .load = use.lease.load()}, ready);
}

void Engine::OnAdapters(const core::Claim& claim, absl::StatusOr<AdapterLease> lease) {
  const auto found = jobs_.find(claim);
  if (found == jobs_.end()) return;  // ended meanwhile
  RunningJob& job = *found->second;
  job.adapters_request.reset();
  if (!lease.ok()) return LeaveToOthers(job, lease.status());
  absl::StatusOr<JobAdapters> adapters = JobAdapters::Make(job.request(), *std::move(lease));
  if (!adapters.ok()) return EndJob(job, adapters.status());
  job.adapters = *std::move(adapters);
  if (ModelUse& use = uses_.at(job.request().model()); use.lease) SubmitRows(job, use);
}

void Engine::SubmitRows(RunningJob& job, ModelUse& use) {
  // They do not depend on each other: pictures are decoded while adapters load.
  if (!job.adapters && !job.adapters_request) AskForAdapters(job, use);
  if (!job.inputs || !job.adapters) return;
  const core::GenerationRequest& request = job.request();
  const auto kind = model::ParseSamplerKind(request.sampler());
  const auto sigmas = model::ParseSigmaSpacing(request.sigmas());
  if (!kind || !sigmas) {  // another version has accepted it
    return LeaveToOthers(job, absl::UnimplementedError(absl::StrCat("the sampler ", request.sampler(), " with sigmas ",
                                                                    request.sigmas(), " is not known here")));
  }
  std::vector<int64_t> shape;
  const absl::Status status = GuardedChoice([&] {
    shape = use.lease->LatentShape(request.width(), request.height());
    job.sampler =
        use.lease->MakeSampler({.kind = *kind,
                                .sigmas = *sigmas,
                                .steps = request.steps(),
                                .eta = request.eta(),
                                .strength = request.task() == core::Task::kImageToImage ? request.strength() : 1});
  });
  if (!status.ok()) return EndJob(job, status);
  job.checkpoint_time = options_.clock->Now();
  job.load = use.lease.load();
  job.key = {.model = request.model(),
             .latent_height = static_cast<int>(shape[1]),
             .latent_width = static_cast<int>(shape[2]),
             .motion = job.adapters->motion_key(),
             .frames = request.frames()};
  job.steps =
      model::StepsOf(*job.sampler, job.inputs->strength, job.inputs->denoising_start, job.inputs->denoising_end);
  for (int i = 0; i < request.num_images(); ++i) {
    // A row's outputs are published in order: with the last of them there are all. Those there are stay as they are.
    if (job.claimed.outputs.contains((i + 1) * request.outputs_per_row() - 1)) continue;
    auto row = std::make_unique<Row>();
    row->id = next_row_++;
    row->job = &job;
    row->index = i;
    row->seed = request.seed() + i;
    row->resume = ResumedState(job, i, shape);
    scheduler_.Submit(
        {.id = row->id,
         .job = NameForScheduler(job),
         .key = job.key,
         .priority = request.priority(),
         .submitted = job.claimed.create_time,
         .evaluations = job.steps.end - (row->resume ? row->resume->sampler.evaluation : job.steps.begin.evaluation),
         .lanes = (request.guided() ? 2 : 1) * request.frames(),
         .tenant = job.claimed.tenant,
         .weight = job.claimed.weight});
    rows_[row->id] = row.get();
    job.rows[row->id] = std::move(row);
  }
  // Its former owner was lost between the last output and the end.
  if (job.rows.empty()) EndJob(job, absl::OkStatus());
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
  scheduler_.RemoveJob(NameForScheduler(job));
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
