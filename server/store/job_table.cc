#include "server/store/job_table.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "server/core/errors.h"
#include "server/store/job_errors.h"
#include "server/store/job_name.h"

namespace latentd::store {

using core::JobState;

JobTable::JobTable(const MemoryJobStoreOptions& options)
    : observer_(options.observer),
      on_ended_(options.on_ended),
      random_(options.random ? options.random : SystemRandom),
      line_(options.ageing,
            [observer = options.observer](const std::string& model, int64_t jobs, int64_t pixel_steps) {
              if (observer != nullptr) observer->OnQueuedWork(model, jobs, pixel_steps);
            }),
      admission_({.max_queued_jobs = options.max_queued_jobs,
                  .max_pending_bytes = options.max_pending_bytes,
                  .drain_retry_after = options.drain_retry_after}),
      retention_({.ttl = options.job_ttl, .bytes = options.job_bytes, .max_finished = options.max_finished_jobs}) {}

absl::StatusOr<core::Job> JobTable::Create(absl::Time now, std::shared_ptr<const core::GenerationRequest> request,
                                           const core::CreateOptions& options, const core::TenantLimits& limits,
                                           Effects& effects) {
  if (const auto& known = index_.FindRequest(options.tenant, options.request_id); known != nullptr) {
    if (known->options.request_fingerprint == options.request_fingerprint) return known->Snapshot();
    return RequestIdReusedError(known->name);
  }
  const bool is_alone = runs_.IsFull(options);
  JobRecord* const leader = is_alone ? nullptr : runs_.LeaderOf(options);
  const int64_t pixel_steps = leader == nullptr ? PixelSteps(*request) : 0;
  const absl::Duration until_room = estimate_.UntilRoom(admission_.running());
  absl::Status admitted = admission_.Check(PendingBytes(*request), until_room);
  if (admitted.ok()) admitted = quotas_.Check(options.tenant, limits, pixel_steps, now, until_room);
  if (!admitted.ok()) {
    if (observer_ != nullptr) observer_->OnJobRefused(core::GetErrorDetails(admitted).reason);
    return admitted;
  }

  auto record = std::make_shared<JobRecord>();
  do {
    record->name = NewJobName(random_);
  } while (index_.Find(record->name) != nullptr);
  record->serial = ++last_serial_;
  record->request = std::move(request);
  record->options = options;
  if (is_alone) record->options.run.clear();
  record->create_time = now;
  record->deadline = now + record->request->timeout();
  record->weight = limits.weight;
  record->pixel_steps = pixel_steps;

  index_.Add(record);
  if (leader == nullptr) {
    runs_.Lead(record.get());
    line_.Add(record.get());
  } else {
    runs_.Follow(record.get(), leader);
  }
  deadlines_.emplace(std::pair(record->deadline, record->serial), record.get());
  admission_.OnAdmitted(PendingBytes(*record->request));
  quotas_.OnAdmitted(options.tenant, pixel_steps);
  retention_.AddBytes(options.tenant, record->bytes());
  if (observer_ != nullptr) observer_->OnJobAdmitted(record->request->model());
  if (leader == nullptr) {
    record->told_position = line_.Position(record.get());
  } else if (leader->state == JobState::kQueued) {
    record->told_position = std::max(0, leader->told_position);
  } else {
    record->told_position = 0;
  }
  Write(*record, now,
        core::Queued{.position = record->told_position,
                     .eta = estimate_.UntilStart(record->told_position, admission_.running())},
        effects);
  if (leader != nullptr) {
    CatchUp(*record, *leader, now, effects);
    return record->Snapshot();
  }
  TellPositions(now, effects);
  effects.work_available = true;
  return record->Snapshot();
}

void JobTable::CatchUp(JobRecord& record, const JobRecord& leader, absl::Time now, Effects& effects) {
  if (leader.state != JobState::kQueued)
    Start(record, now, {.seed = leader.request->seed(), .warnings = leader.warnings}, effects);
  for (const auto& [index, output] : leader.outputs) AddOutput(record, now, output, effects);
  if (leader.state == JobState::kCompleted) Complete(record, now, effects);
}

absl::StatusOr<std::shared_ptr<JobRecord>> JobTable::Find(const std::string& name) const {
  if (const auto& record = index_.Find(name); record != nullptr) return record;
  return core::JobNotFoundError(name);
}

absl::Status JobTable::Delete(JobRecord& record, Effects& effects) {
  if (!core::IsFinal(record.state)) return JobNotEndedError(record.name);
  Forget(record, effects);
  return absl::OkStatus();
}

std::vector<core::ClaimedJob> JobTable::Claim(int limit) {
  std::vector<core::ClaimedJob> jobs;
  for (JobRecord* record : line_.Claim(limit)) {
    record->claimed = true;
    jobs.push_back({.name = record->name,
                    .request = record->request,
                    .create_time = record->create_time,
                    .tenant = record->options.tenant,
                    .weight = record->weight,
                    .checkpoint = std::move(record->checkpoint)});
    for (const auto& [index, output] : record->outputs) {
      jobs.back().outputs.insert(index);
      if (output.state == core::OutputState::kFailed) ++jobs.back().failed_outputs;
    }
  }
  return jobs;
}

void JobTable::Tell(JobRecord& record, absl::Time now, core::EventKind event, Effects& effects) {
  if (core::IsFinal(record.state)) return;
  for (JobRecord* follower : runs_.FollowersOf(&record)) Tell(*follower, now, event, effects);
  Write(record, now, std::move(event), effects);
}

void JobTable::Start(JobRecord& record, absl::Time now, core::Started event, Effects& effects) {
  if (core::IsFinal(record.state)) return;
  for (JobRecord* follower : runs_.FollowersOf(&record)) Start(*follower, now, event, effects);
  if (record.state == JobState::kQueued) {
    record.state = JobState::kRunning;
    if (!record.start_time) record.start_time = now;
    line_.Remove(&record);
    admission_.OnStarted();
    quotas_.OnStarted(record.options.tenant);
    if (observer_ != nullptr) observer_->OnJobStarted(record.request->model(), now - record.create_time);
  }
  record.warnings = event.warnings;
  Write(record, now, std::move(event), effects);
  TellPositions(now, effects);
}

void JobTable::Requeue(JobRecord& record, absl::Time now, std::string reason, core::Checkpoint checkpoint,
                       Effects& effects) {
  if (core::IsFinal(record.state) || !record.claimed) return;
  record.claimed = false;
  Wait(record, now, {.reason = std::move(reason), .resume_step = checkpoint.step}, effects);
  record.checkpoint = std::move(checkpoint);
  line_.Add(&record);
  TellPositions(now, effects);
  effects.work_available = true;
}

void JobTable::Wait(JobRecord& record, absl::Time now, const core::Requeued& event, Effects& effects) {
  for (JobRecord* follower : runs_.FollowersOf(&record)) Wait(*follower, now, event, effects);
  Write(record, now, event, effects);
  if (record.state != JobState::kRunning) return;
  record.state = JobState::kQueued;
  record.told_position = -1;
  admission_.OnRequeued();
  quotas_.OnRequeued(record.options.tenant);
  if (observer_ != nullptr) observer_->OnJobRequeued(record.request->model());
}

void JobTable::AddOutput(JobRecord& record, absl::Time now, core::Output output, Effects& effects) {
  if (core::IsFinal(record.state)) return;
  for (JobRecord* follower : runs_.FollowersOf(&record)) AddOutput(*follower, now, output, effects);
  record.outputs.insert_or_assign(output.index, output);
  Write(record, now, std::move(output), effects);
}

void JobTable::Complete(JobRecord& record, absl::Time now, Effects& effects) {
  if (core::IsFinal(record.state)) return;
  const int failed = record.usage ? record.usage->failed_outputs : 0;
  for (JobRecord* follower : runs_.FollowersOf(&record)) {
    Book(*follower, {.failed_outputs = failed});
    Complete(*follower, now, effects);
  }
  End(record, now, JobState::kCompleted, core::Completed{.usage = Settle(record, now)}, effects);
}

void JobTable::Fail(JobRecord& record, absl::Time now, absl::Status status, Effects& effects) {
  if (core::IsFinal(record.state)) return;
  for (JobRecord* follower : runs_.FollowersOf(&record)) FailAlone(*follower, now, status, effects);
  FailAlone(record, now, std::move(status), effects);
}

void JobTable::FailAlone(JobRecord& record, absl::Time now, absl::Status status, Effects& effects) {
  record.error = status;
  End(record, now, JobState::kFailed, core::Failed{.status = std::move(status), .usage = Settle(record, now)}, effects);
}

void JobTable::Cancel(JobRecord& record, absl::Time now, const std::string& reason, Effects& effects) {
  if (core::IsFinal(record.state)) return;
  if (record.claimed) effects.ended.push_back(record.name);
  record.error = core::JobCancelledError(record.name, reason);
  End(record, now, JobState::kCancelled, core::Cancelled{.reason = reason, .usage = Settle(record, now)}, effects);
}

void JobTable::CancelAll(absl::Time now, const std::string& reason, Effects& effects) {
  std::vector<JobRecord*> records;
  for (const auto& [place, record] : deadlines_) records.push_back(record);
  // The newest first, so that nobody is told of moving up on the way.
  std::sort(records.begin(), records.end(), [](const auto* a, const auto* b) { return a->serial > b->serial; });
  for (JobRecord* record : records) Cancel(*record, now, reason, effects);
}

void JobTable::Book(JobRecord& record, core::Usage usage) {
  const absl::Time waited_until = record.start_time.value_or(record.end_time.value_or(record.create_time));
  usage.queue_time = waited_until - record.create_time;
  if (core::IsFinal(record.state) && record.usage.has_value()) {
    quotas_.OnUsedMore(record.options.tenant, usage.pixel_evaluations - record.usage->pixel_evaluations);
  }
  record.usage = usage;
}

// What the job took, at its end.
core::Usage JobTable::Settle(JobRecord& record, absl::Time now) {
  record.end_time = now;
  Book(record, record.usage.value_or(core::Usage()));
  return *record.usage;
}

void JobTable::LookAfter(absl::Time now, Effects& effects) {
  while (!deadlines_.empty() && deadlines_.begin()->first.first <= now) {
    JobRecord& record = *deadlines_.begin()->second;
    if (record.claimed) effects.ended.push_back(record.name);
    FailAlone(record, now, JobTimeoutError(record.name, record.state, record.request->timeout()), effects);
  }
  while (JobRecord* record = retention_.NextToForget(now)) Forget(*record, effects);
}

absl::Time JobTable::NextTime(absl::Time now) const {
  const absl::Time deadline = deadlines_.empty() ? absl::InfiniteFuture() : deadlines_.begin()->first.first;
  return std::min(deadline, retention_.NextTime(now));
}

void JobTable::Write(JobRecord& record, absl::Time now, core::EventKind event, Effects& effects) {
  const int64_t bytes_before = record.bytes();
  record.log.Append(now, std::move(event));
  retention_.AddBytes(record.options.tenant, record.bytes() - bytes_before);
  for (const auto& watcher : record.watchers) {
    if (!std::exchange(watcher->waiting, false)) continue;
    effects.notify.push_back(watcher->notifier);
  }
}

void JobTable::End(JobRecord& record, absl::Time now, JobState state, core::EventKind event, Effects& effects) {
  const JobState before = std::exchange(record.state, state);
  line_.Remove(&record);
  deadlines_.erase(std::pair(record.deadline, record.serial));
  admission_.OnEnded(before == JobState::kRunning, PendingBytes(*record.request));
  quotas_.OnEnded(record.options.tenant, before == JobState::kRunning, record.pixel_steps,
                  record.usage->pixel_evaluations);
  const int64_t bytes_before = record.bytes();
  record.request = core::WithoutPictures(record.request);
  retention_.AddBytes(record.options.tenant, record.bytes() - bytes_before);
  if (record.start_time.has_value() && record.claimed) estimate_.OnRan(now - *record.start_time);
  if (observer_ != nullptr) {
    observer_->OnJobEnded(record.request->model(), before, state, now - record.create_time);
  }
  Write(record, now, std::move(event), effects);
  if (on_ended_) on_ended_(record.Snapshot());
  retention_.OnEnded(&record);
  const bool is_whole = state == JobState::kCompleted && record.usage->failed_outputs == 0;
  // What it led to its end stays there for equal jobs to come.
  if (!is_whole || runs_.LeaderOf(record.options) != &record) LeaveRun(record, now, effects);
  TellPositions(now, effects);
}

void JobTable::LeaveRun(const JobRecord& record, absl::Time now, Effects& effects) {
  JobRecord* const next = runs_.Leave(&record);
  if (next == nullptr) return;
  next->pixel_steps = PixelSteps(*next->request);
  quotas_.OnUsedMore(next->options.tenant, next->pixel_steps);
  Wait(*next, now, {.reason = "SHARED_RUN_ENDED"}, effects);
  line_.Add(next);
  effects.work_available = true;
}

void JobTable::TellPositions(absl::Time now, Effects& effects) {
  for (const auto& [record, position] : line_.Moved()) {
    record->told_position = position;
    Tell(*record, now, core::Queued{.position = position, .eta = estimate_.UntilStart(position, admission_.running())},
         effects);
  }
}

void JobTable::Forget(JobRecord& record, Effects& effects) {
  record.removed = true;
  runs_.Leave(&record);
  retention_.AddBytes(record.options.tenant, -record.bytes());
  retention_.OnRemoved(&record);
  for (const auto& watcher : record.watchers) {
    if (watcher->waiting) effects.notify.push_back(watcher->notifier);
  }
  effects.forgotten.push_back(index_.Remove(&record));
}

}  // namespace latentd::store
