// The engine's side of the store: what it claims, and what it writes of that.

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"
#include "server/core/errors.h"
#include "server/core/event_log.h"
#include "server/store/job_errors.h"
#include "server/store/job_record.h"
#include "server/store/redis/redis_job_store.h"
#include "server/store/redis/scripts.h"

namespace latentd::store {
namespace {

// Of own.lua.
constexpr char kFail[] = "fail";
constexpr char kUnable[] = "unable";
constexpr char kDead[] = "REPLICAS_LOST";
constexpr char kDamaged[] = "JOB_DAMAGED";
constexpr char kNewer[] = "JOB_OF_NEWER_VERSION";
// An engine tells what a lost job took as soon as it has let go of it.
constexpr size_t kLostAreKnown = 256;
// Faster than anybody's eye.
constexpr absl::Duration kProgressInterval = absl::Milliseconds(200);

}  // namespace

void RedisJobStore::SetListener(core::WorkListener* listener) {
  listener_.Set(listener);
  bool is_waiting = false;
  {
    core::MutexLock lock(mutex_);
    is_waiting = !ready_.empty();
  }
  if (is_waiting) listener_.Tell([](core::WorkListener& told) { told.OnWorkAvailable(); });
  claimer_.Wake();
}

void RedisJobStore::Offer(const core::Capacity& capacity) {
  core::Capacity left = capacity;
  {
    core::MutexLock lock(mutex_);
    left.jobs = std::max(0, left.jobs - static_cast<int>(ready_.size()));  // these the engine has not seen yet
  }
  claimer_.Offer(left);
}

std::vector<core::ClaimedJob> RedisJobStore::Claim(int limit) {
  std::vector<core::ClaimedJob> jobs;
  core::MutexLock lock(mutex_);
  while (static_cast<int>(jobs.size()) < limit && !ready_.empty()) {
    jobs.push_back(std::move(ready_.front()));
    ready_.pop_front();
  }
  return jobs;
}

void RedisJobStore::GiveUpAll(const std::string& reason) {
  std::vector<core::Claim> claims;
  {
    core::MutexLock lock(mutex_);
    for (const auto& [name, owned] : owned_) claims.emplace_back(name, owned.token);
  }
  for (const core::Claim& claim : claims) End(claim, {"give back", reason}, core::JobState::kQueued, {});
}

void RedisJobStore::Drain() {
  {
    core::MutexLock lock(mutex_);
    draining_ = true;
  }
  claimer_.Close();
}

std::optional<int> RedisJobStore::TakeIn(RedisConnection& redis, const std::vector<Claimer::Claimed>& jobs) {
  std::vector<RedisCommand> commands;
  commands.reserve(jobs.size());
  for (const auto& [token, losses] : jobs) {
    commands.push_back(CallScript("take", options_.prefix, {token.first, token.second}));
  }
  const auto replies = redis.RunAll(commands);
  for (const auto& reply : replies) {
    if (!reply.ok() && !absl::IsInternal(reply.status())) return std::nullopt;
  }
  int taken = 0;
  for (size_t i = 0; i < jobs.size(); ++i) {
    // One that Redis refuses as such is no reason to leave the others: its lease will end.
    if (!replies[i].ok() && options_.on_refused) options_.on_refused(replies[i].status());
    if (!replies[i].ok() || replies[i]->is_nil()) continue;
    if (TakeInOne(jobs[i], replies[i]->list())) ++taken;
  }
  if (taken > 0) listener_.Tell([](core::WorkListener& listener) { listener.OnWorkAvailable(); });
  return taken;
}

bool RedisJobStore::TakeInOne(const Claimer::Claimed& claimed, const std::vector<RedisReply>& parts) {
  const auto& [id, token] = claimed.token;
  // One that was lost and claimed again before this process knew.
  Lose(id, "");
  const core::Claim claim(JobName(id), token);
  const RedisHash hash = ToHash(parts.at(0));
  absl::StatusOr<core::ClaimedJob> read = ReadClaimed(id, hash, ToHash(parts.at(1)), ToHash(parts.at(2)));
  absl::StatusOr<core::Job> job = ReadJob(id, hash, *options_.codec);
  absl::Status unable = read.status();
  unable.Update(job.status());
  if (!job.ok()) job = core::Job{.name = claim.job};
  if (job->request != nullptr) gauge_.AddOwn(job->request->model(), PixelSteps(*job->request), 1);
  const bool is_dead = claimed.losses >= options_.max_losses;
  const bool taken = unable.ok() && !is_dead;
  if (taken) {
    read->token = token;
    read->failed_outputs =
        static_cast<int>(std::count_if(job->outputs.begin(), job->outputs.end(), [](const core::Output& output) {
          return output.state == core::OutputState::kFailed;
        }));
  }
  const core::Usage usage = job->usage.value_or(core::Usage());
  {
    core::MutexLock lock(mutex_);
    owned_[claim.job] = {
        .token = token, .job = *std::move(job), .ahead = FromMs(parts.at(3).text()) - options_.clock->Now()};
    if (taken) ready_.push_back(*std::move(read));
  }
  if (is_dead) {
    const auto text =
        absl::StrCat("The replicas that ran the job were lost, ", claimed.losses, " times: it is not tried again.");
    Fail(claim, kFail,
         core::MakeError(absl::StatusCode::kInternal, text,
                         {.reason = kDead, .resource_type = "job", .resource_name = claim.job}),
         usage, kDead);
  } else if (!taken) {
    const std::string reason = core::GetErrorDetails(unable).reason;
    Fail(claim, kUnable, unable, usage, reason.empty() ? kDamaged : reason);
  }
  return taken;
}

absl::StatusOr<core::ClaimedJob> RedisJobStore::ReadClaimed(const std::string& id, RedisHash hash,
                                                            const RedisHash& pictures,
                                                            const RedisHash& checkpoint) const {
  if (!options_.codec->KnowsRequest(hash["request"])) {
    return core::MakeError(absl::StatusCode::kUnimplemented,
                           "the job asks for something that this version of latentd does not know",
                           {.reason = kNewer, .resource_type = "job", .resource_name = JobName(id)});
  }
  auto request = options_.codec->ReadRequest(hash["request"], [&](const std::string& sha256) -> core::Blob {
    const auto file = pictures.find(sha256);
    return file == pictures.end() ? nullptr : std::make_shared<const std::string>(file->second);
  });
  if (!request.ok()) return request.status();
  core::ClaimedJob job{.name = JobName(id),
                       .request = *std::move(request),
                       .create_time = FromMs(hash["create"]),
                       .tenant = hash["tenant"]};
  (void)absl::SimpleAtod(hash["weight"], &job.weight);
  for (const auto& [field, value] : hash) {
    int output = 0;
    absl::string_view rest = field;
    if (absl::ConsumePrefix(&rest, "output:") && absl::SimpleAtoi(rest, &output)) job.outputs.insert(output);
  }
  for (const auto& [field, value] : checkpoint) {
    int row = 0;
    absl::string_view rest = field;
    if (absl::ConsumePrefix(&rest, "row:") && absl::SimpleAtoi(rest, &row)) {
      job.checkpoint.rows.emplace(row, std::make_shared<const std::string>(value));
    } else if (field == "step") {
      (void)absl::SimpleAtoi(value, &job.checkpoint.step);
    } else if (field == "usage") {
      absl::StatusOr<core::Usage> usage = options_.codec->ReadUsage(value);
      if (usage.ok()) job.checkpoint.usage = *usage;
    }
  }
  return job;
}

bool RedisJobStore::EndOverdue(RedisConnection& redis, const std::string& id) {
  const absl::StatusOr<RedisReply> reply = redis.Run({"HGETALL", Key("job", id)});
  if (!reply.ok() || reply->list().empty()) return !absl::IsUnavailable(reply.status());
  RedisHash hash = ToHash(*reply);
  absl::StatusOr<core::Job> job = ReadJob(id, hash, *options_.codec);
  const absl::Status status = JobTimeoutError(JobName(id), job.ok() ? job->state : core::JobState::kQueued,
                                              job.ok() ? job->request->timeout() : absl::ZeroDuration());
  const auto stopped =
      redis.Run(CallScript("stop", options_.prefix, {id, "deadline", "", options_.codec->WriteStatus(status)}));
  if (!stopped.ok()) return !absl::IsUnavailable(stopped.status());
  if (!job.ok() || stopped->number() == 0) return true;
  job->state = core::JobState::kFailed;
  job->error = status;
  job->end_time = FromMs(hash["deadline"]);
  Report(*std::move(job), core::JobState::kQueued);
  return true;
}

void RedisJobStore::Write(const core::Claim& claim, Outbox::Write write, const std::function<void(Owned&)>& change) {
  {
    core::MutexLock lock(mutex_);
    const auto owned = owned_.find(claim.job);
    if (owned == owned_.end() || owned->second.token != claim.token) return;
    write.id = JobId(claim.job);
    write.token = claim.token;
    if (change) change(owned->second);
    outbox_.Add(std::move(write));  // under the lock: nothing comes behind the last
  }
}

void RedisJobStore::End(const core::Claim& claim, std::vector<std::string> what, core::JobState state,
                        const std::function<void(core::Job&)>& change) {
  std::optional<Owned> owned = TakeOut(claim);
  if (!owned) return;
  core::Job& job = owned->job;
  const core::JobState before = std::exchange(job.state, state);
  job.end_time = options_.clock->Now() + owned->ahead;
  if (change) change(job);
  outbox_.Add({.id = JobId(claim.job),
               .token = owned->token,
               .what = std::move(what),
               .is_last = true,
               .is_end = true,
               .on_answer = [this, job = std::move(job), before](bool is_written) {
                 if (job.request == nullptr) return;
                 if (is_written && core::IsFinal(job.state)) {
                   Report(job, before);
                 } else if (before == core::JobState::kRunning && options_.observer != nullptr) {
                   options_.observer->OnJobRequeued(job.request->model());
                 }
               }});
}

void RedisJobStore::Lose(const std::string& id, const std::string& token) {
  const std::string name = JobName(id);
  const std::optional<Owned> owned = TakeOut({name, token});
  if (!owned) return;
  const core::Claim claim(name, owned->token);
  {
    core::MutexLock lock(mutex_);
    lost_.push_back(claim);
    if (lost_.size() > kLostAreKnown) lost_.pop_front();
  }
  outbox_.Add({.id = id, .token = owned->token, .what = {"end"}, .is_last = true});
  if (owned->job.state == core::JobState::kRunning && options_.observer != nullptr) {
    options_.observer->OnJobRequeued(owned->job.request->model());
  }
  listener_.Tell([&](core::WorkListener& listener) { listener.OnJobEnded(claim); });
}

std::optional<RedisJobStore::Owned> RedisJobStore::TakeOut(const core::Claim& claim) {
  Owned taken;
  {
    core::MutexLock lock(mutex_);
    const auto owned = owned_.find(claim.job);
    if (owned == owned_.end() || (!claim.token.empty() && owned->second.token != claim.token)) return std::nullopt;
    taken = std::move(owned->second);
    owned_.erase(owned);
    std::erase_if(ready_, [&](const core::ClaimedJob& job) { return job.name == claim.job; });
  }
  const core::Job& job = taken.job;
  if (job.state == core::JobState::kQueued && job.request != nullptr) {
    gauge_.AddOwn(job.request->model(), PixelSteps(*job.request), -1);
  }
  return taken;
}

void RedisJobStore::Report(core::Job job, core::JobState from) const {
  core::Usage usage = job.usage.value_or(core::Usage());
  usage.queue_time = job.start_time.value_or(*job.end_time) - job.create_time;
  job.usage = usage;
  if (options_.observer != nullptr) {
    options_.observer->OnJobEnded(job.request->model(), from, job.state, *job.end_time - job.create_time);
  }
  if (options_.on_ended) options_.on_ended(job);
}

void RedisJobStore::OnStarted(const core::Claim& claim, core::Started event) {
  std::optional<core::Job> started;
  Write(claim, {.what = {"start", options_.codec->WriteEvent(event)}}, [&](Owned& owned) {
    core::Job& job = owned.job;
    job.warnings = event.warnings;
    if (job.state != core::JobState::kQueued) return;
    job.state = core::JobState::kRunning;
    if (!job.start_time) job.start_time = options_.clock->Now() + owned.ahead;
    started = job;
  });
  if (!started) return;
  gauge_.AddOwn(started->request->model(), PixelSteps(*started->request), -1);
  if (options_.observer != nullptr) {
    options_.observer->OnJobStarted(started->request->model(), *started->start_time - started->create_time);
  }
}

// Of an output's progress only what is a while behind the last, or has a preview, is written: each step would cost
// Redis as much as all the rest of a job. What the job took goes along.
void RedisJobStore::OnProgress(const core::Claim& claim, core::Progress event) {
  const int output = event.output_index;
  const bool has_preview = event.preview.has_value();
  core::Usage usage;
  {
    core::MutexLock lock(mutex_);
    const auto owned = owned_.find(claim.job);
    if (owned == owned_.end() || owned->second.token != claim.token) return;
    absl::Time& written = owned->second.progress.try_emplace(output, absl::InfinitePast()).first->second;
    const absl::Time now = options_.clock->Now();
    if (!has_preview && now < written + kProgressInterval) return;
    written = now;
    usage = owned->second.job.usage.value_or(usage);
  }
  Write(claim, {.what = {"progress", absl::StrCat(output), has_preview ? "1" : "0",
                         options_.codec->WriteEvent(std::move(event)), options_.codec->WriteUsage(usage),
                         absl::StrCat(usage.pixel_evaluations)},
                .state_of = absl::StrCat("progress of ", output),
                .has_preview = has_preview});
}

void RedisJobStore::OnOutput(const core::Claim& claim, core::Output output) {
  const std::string bytes = output.data == nullptr ? "" : *output.data;
  Write(claim, {.what = {"output", absl::StrCat(output.index), absl::StrCat(core::EventLog::CountChunks(output.data)),
                         options_.codec->WriteEvent(std::move(output)), bytes}});
}

// Progress and the end tell it; but of a job that others have ended nothing else follows.
void RedisJobStore::OnUsage(const core::Claim& claim, core::Usage usage) {
  {
    core::MutexLock lock(mutex_);
    if (const auto owned = owned_.find(claim.job); owned != owned_.end() && owned->second.token == claim.token) {
      owned->second.job.usage = usage;
      return;
    }
    if (std::find(lost_.begin(), lost_.end(), claim) == lost_.end()) return;
  }
  outbox_.Add({.id = JobId(claim.job),
               .token = claim.token,
               .what = {"usage", options_.codec->WriteUsage(usage), absl::StrCat(usage.pixel_evaluations)},
               .is_last = true});
}

void RedisJobStore::OnCheckpoint(const core::Claim& claim, core::Checkpoint checkpoint) {
  Outbox::Write write{
      .what = {"checkpoint", absl::StrCat(checkpoint.step), options_.codec->WriteUsage(checkpoint.usage)},
      .state_of = "checkpoint"};
  for (const auto& [row, state] : checkpoint.rows) {
    write.what.push_back(absl::StrCat(row));
    write.what.push_back(*state);
  }
  Write(claim, std::move(write));
}

void RedisJobStore::OnHandedBack(const core::Claim& claim, std::string reason, core::Checkpoint checkpoint) {
  OnCheckpoint(claim, std::move(checkpoint));
  End(claim, {"give back", std::move(reason)}, core::JobState::kQueued, {});
}

void RedisJobStore::OnCompleted(const core::Claim& claim, core::Usage usage) {
  End(claim,
      {"complete", options_.codec->WriteUsage(usage), absl::StrCat(usage.pixel_evaluations),
       options_.codec->WriteUsage({.failed_outputs = usage.failed_outputs}), usage.failed_outputs == 0 ? "1" : "0"},
      core::JobState::kCompleted, [&](core::Job& job) { job.usage = usage; });
}

void RedisJobStore::OnFailed(const core::Claim& claim, absl::Status status, core::Usage usage) {
  Fail(claim, kFail, status, usage, "");
}

void RedisJobStore::OnUnable(const core::Claim& claim, absl::Status status, core::Checkpoint checkpoint) {
  const core::Usage usage = checkpoint.usage;
  OnCheckpoint(claim, std::move(checkpoint));
  Fail(claim, kUnable, status, usage, "");
}

void RedisJobStore::Fail(const core::Claim& claim, const std::string& what, const absl::Status& status,
                         const core::Usage& usage, const std::string& dead_letter) {
  End(claim,
      {what, options_.codec->WriteUsage(usage), absl::StrCat(usage.pixel_evaluations),
       options_.codec->WriteStatus(status), dead_letter},
      core::JobState::kFailed, [&](core::Job& job) {
        job.usage = usage;
        job.error = status;
        if (what == kUnable && options_.on_unable) options_.on_unable(job.name, status);
      });
}

}  // namespace latentd::store
