// What a claimed job needs before its rows can run: its model, its pictures and its adapters.
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "model/samplers/sampler.h"
#include "server/core/adapter_fields.h"
#include "server/core/errors.h"
#include "server/engine/checkpoint.h"
#include "server/engine/engine.h"
#include "server/engine/image_prompt_inputs.h"
#include "server/engine/job_inputs.h"
#include "server/engine/status.h"

namespace latentd::engine {

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
    if (absl::Status unknown = CheckIsKnown(job.request()); !unknown.ok()) {
      LeaveToOthers(job, std::move(unknown));
      continue;
    }
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

absl::Status Engine::CheckIsKnown(const core::GenerationRequest& request) const {
  if (!model::ParseSamplerKind(request.sampler()) || !model::ParseSigmaSpacing(request.sigmas())) {
    return core::MakeError(
        absl::StatusCode::kUnimplemented,
        absl::StrCat("the sampler ", request.sampler(), " with the sigmas ", request.sigmas(), " is not known here"),
        {.reason = "JOB_OF_NEWER_VERSION"});
  }
  if (request.adapters().empty()) return absl::OkStatus();
  const absl::StatusOr<core::ModelInfo> model = options_.models->Find(request.model());
  if (!model.ok()) return model.status();
  return core::CheckAdaptersExist(request.adapters(), *model, *options_.adapters);
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
  std::vector<int64_t> shape;
  const absl::Status status = GuardedChoice([&] {
    shape = use.lease->LatentShape(request.width(), request.height());
    job.sampler =
        use.lease->MakeSampler({.kind = *model::ParseSamplerKind(request.sampler()),
                                .sigmas = *model::ParseSigmaSpacing(request.sigmas()),
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
         .job = job.scheduler_name(),
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

}  // namespace latentd::engine
