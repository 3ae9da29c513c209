// The callers' side. The engine's is in redis_job_store_engine.cc.
#include "server/store/redis/redis_job_store.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <set>
#include <utility>
#include <variant>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/core/errors.h"
#include "server/store/job_errors.h"
#include "server/store/job_name.h"
#include "server/store/job_record.h"
#include "server/store/list_filter.h"
#include "server/store/page_token.h"
#include "server/store/redis/redis_watch.h"
#include "server/store/redis/scripts.h"

namespace latentd::store {
namespace {

constexpr char kNoAnswer[] = "JOB_STORE_NO_ANSWER";  // RedisConnection's
constexpr int kListedAtOnce = 32;
// Other scripts wait meanwhile.
constexpr size_t kPositionsAtOnce = 64;
// Jobs come and go more often than anybody wants to know of.
constexpr absl::Duration kLineInterval = absl::Milliseconds(500);

// Of pictures that were sent ahead: the job takes copies along, as the blobs may be forgotten before it runs.
int64_t SharedBytes(const core::GenerationRequest& request) {
  int64_t bytes = 0;
  for (const core::InputImage* picture : core::PicturesOf(request.fields())) {
    if (picture->is_shared) bytes += static_cast<int64_t>(picture->data->size());
  }
  return bytes;
}

bool IsUnanswered(const absl::Status& status) { return core::GetErrorDetails(status).reason == kNoAnswer; }

// A caller without a request id who is told UNAVAILABLE tries again, and might make a second job.
absl::Status MayBeThere(const absl::Status& status, const core::CreateOptions& options) {
  if (!IsUnanswered(status) || !options.request_id.empty()) return status;
  return core::MakeError(
      absl::StatusCode::kAborted,
      absl::StrCat(status.message(), "; the job may have been made. With a request_id the call can be repeated."),
      {.reason = kNoAnswer});
}

RedisConnection::Options Connecting(const RedisJobStoreOptions& options) {
  return {.address = options.address, .greeting = LoadScripts()};
}

}  // namespace

RedisJobStore::RedisJobStore(const RedisJobStoreOptions& options)
    : options_(options),
      owner_(JobId(NewJobName(options.random ? options.random : SystemRandom))),
      pool_(Connecting(options), options.clock),
      gauge_(options.observer),
      outbox_({.connection = Connecting(options),
               .prefix = options.prefix,
               .clock = options.clock,
               .on_fenced = [this](const std::string& id, const std::string& token) { Lose(id, token); },
               .on_follower_ended =
                   [this](const std::string& id) {
                     const absl::StatusOr<core::Job> job = Get(JobName(id));
                     if (job.ok()) Report(*job, core::JobState::kQueued);
                   },
               .on_refused = options.on_refused}),
      claimer_({.connection = Connecting(options),
                .prefix = options.prefix,
                .owner = owner_,
                .clock = options.clock,
                .lease = options.lease,
                .patience = options.patience,
                .on_claimed = [this](RedisConnection& redis,
                                     const std::vector<Claimer::Claimed>& jobs) { return TakeIn(redis, jobs); },
                .owned =
                    [this] {
                      core::MutexLock lock(mutex_);
                      // Also those whose end is on its way: their work would be done again.
                      std::vector<Claimer::Token> owned = outbox_.Ending();
                      for (const auto& [name, each] : owned_) owned.emplace_back(JobId(name), each.token);
                      return owned;
                    },
                .on_lost = [this](const Claimer::Token& token) { Lose(token.first, token.second); },
                .on_overdue = [this](RedisConnection& redis, const std::string& id) { return EndOverdue(redis, id); },
                .on_health = options.on_health}),
      outputs_({.pool = &pool_, .clock = options.clock}),
      subscriptions_({.connection = {.address = options.address, .timeout = absl::InfiniteDuration()},
                      .clock = options.clock,
                      .on_refused = options.on_refused}) {
  subscriptions_.Add(Key("work", owner_), [this](const std::string& /*message*/) {
    claimer_.Wake();
    return true;
  });
  subscriptions_.Add(options_.prefix + "moved", [this](const std::string& /*message*/) { return TellOfLine(); });
  subscriptions_.Add(Key("ended", owner_), [this](const std::string& id) {
    if (!id.empty()) Lose(id, "");
    return true;
  });
}

RedisJobStore::~RedisJobStore() = default;

std::string RedisJobStore::Key(std::string_view kind, const std::string& id) const {
  return absl::StrCat(options_.prefix, std::string(kind), ":", id);
}

absl::StatusOr<RedisReply> RedisJobStore::Call(std::string_view script, std::vector<std::string> arguments) const {
  return pool_.Run(CallScript(script, options_.prefix, std::move(arguments)));
}

absl::StatusOr<core::Job> RedisJobStore::Create(std::shared_ptr<const core::GenerationRequest> request,
                                                const core::CreateOptions& options) {
  {
    core::MutexLock lock(mutex_);
    if (draining_) {
      return DrainingError(options_.drain_retry_after);
    }
  }
  const int64_t bytes = PendingBytes(*request) + SharedBytes(*request);
  if (bytes > options_.max_pending_bytes) {
    const absl::Status refused = JobTooLargeError(bytes, options_.max_pending_bytes);
    if (options_.observer != nullptr) options_.observer->OnJobRefused(core::GetErrorDetails(refused).reason);
    return refused;
  }
  const core::TenantLimits limits =
      options_.tenant_limits ? options_.tenant_limits(options.tenant) : core::TenantLimits();
  const absl::Time expire = request->expire_time().value_or(absl::UnixEpoch());
  std::vector<std::string> arguments = {"",
                                        options.tenant,
                                        request->model(),
                                        absl::StrCat(absl::ToInt64Microseconds(request->priority() * options_.ageing)),
                                        absl::StrCat(PixelSteps(*request)),
                                        absl::StrCat(bytes),
                                        absl::StrCat(limits.weight),
                                        absl::StrCat(request->num_outputs()),
                                        Ms(request->timeout()),
                                        Ms(options_.job_ttl),
                                        Ms(expire),
                                        options.request_id,
                                        options.request_fingerprint,
                                        options.trace_id,
                                        options_.codec->WriteRequest(*request),
                                        absl::StrCat(limits.max_jobs),
                                        absl::StrCat(limits.max_queued_jobs),
                                        absl::StrCat(limits.pixel_steps_per_minute),
                                        absl::StrCat(options_.max_queued_jobs),
                                        absl::StrCat(options_.max_pending_bytes),
                                        absl::StrCat(options_.job_bytes),
                                        options.run,
                                        options_.codec->WriteUsage(core::Usage()),
                                        owner_};
  std::set<std::string> sent;  // one may be there several times
  for (const core::InputImage* picture : core::PicturesOf(request->fields())) {
    if (!sent.insert(picture->sha256).second) continue;
    arguments.push_back(picture->sha256);
    arguments.push_back(*picture->data);
  }
  std::string what = "taken";
  absl::StatusOr<RedisReply> answer;
  while (what == "taken") {
    arguments[0] = JobId(NewJobName(options_.random ? options_.random : SystemRandom));
    answer = Call("create", arguments);
    // The same job again: were it there already, nothing more would happen. When that cannot be done either, what
    // became of the first is still not known.
    if (IsUnanswered(answer.status())) {
      absl::StatusOr<RedisReply> again = pool_.RunAnyway(CallScript("create", options_.prefix, arguments));
      if (!absl::IsUnavailable(again.status())) answer = std::move(again);
    }
    if (!answer.ok()) {
      if (options_.observer != nullptr) options_.observer->OnJobRefused(core::GetErrorDetails(answer.status()).reason);
      return MayBeThere(answer.status(), options);
    }
    what = answer->list().at(0).text();
  }
  const bool is_new = what == "created" || what == "shared";
  if (is_new) claimer_.LookBy(options_.clock->Now() + request->timeout());
  const std::string model = request->model();
  absl::StatusOr<core::Job> job =
      is_new || what == "known" ? Get(JobName(answer->list().at(1).text())) : Refused(answer->list(), options, limits);
  if (is_new && absl::IsUnavailable(job.status())) job = JustMade(arguments[0], std::move(request), options);
  if (options_.observer == nullptr) return job;
  if (is_new) options_.observer->OnJobAdmitted(model);
  if (!is_new && !job.ok()) options_.observer->OnJobRefused(core::GetErrorDetails(job.status()).reason);
  return job;
}

core::Job RedisJobStore::JustMade(const std::string& id, std::shared_ptr<const core::GenerationRequest> request,
                                  const core::CreateOptions& options) const {
  return {.name = JobName(id),
          .request = core::WithoutPictures(std::move(request)),
          .tenant = options.tenant,
          .request_id = options.request_id,
          .trace_id = options.trace_id,
          .create_time = options_.clock->Now(),
          .last_sequence = 1};
}

absl::Status RedisJobStore::Refused(const std::vector<RedisReply>& answer, const core::CreateOptions& options,
                                    const core::TenantLimits& limits) const {
  const std::string& what = answer.at(0).text();
  if (what == "reused") return RequestIdReusedError(JobName(answer.at(1).text()));
  if (what == "work") {
    double ms = 0;
    (void)absl::SimpleAtod(answer.at(1).text(), &ms);
    return QuotaExceededError(options.tenant, "pixel-steps per minute", limits.pixel_steps_per_minute,
                              absl::Milliseconds(ms));
  }
  const absl::Duration until_room = absl::Milliseconds(answer.at(1).number());
  if (what == "jobs") return QuotaExceededError(options.tenant, "jobs at once", limits.max_jobs, until_room);
  if (what == "waiting") return QuotaExceededError(options.tenant, "queued jobs", limits.max_queued_jobs, until_room);
  if (what == "full") return QueueFullError(answer.at(2).number(), until_room);
  return core::MakeError(absl::StatusCode::kUnavailable,
                         absl::StrCat("The queue is full: the jobs in it need ", answer.at(2).text(), " of ",
                                      options_.max_pending_bytes, " bytes."),
                         {.reason = "QUEUE_FULL", .retry_after = until_room});
}

absl::StatusOr<core::Job> RedisJobStore::Get(const std::string& name) const {
  const absl::StatusOr<RedisReply> hash = pool_.Run({"HGETALL", Key("job", JobId(name))});
  if (!hash.ok()) return hash.status();
  if (hash->list().empty()) return core::JobNotFoundError(name);
  return ReadJob(JobId(name), ToHash(*hash), *options_.codec);
}

absl::StatusOr<std::string> RedisJobStore::TenantOf(const std::string& name) const {
  const absl::StatusOr<RedisReply> tenant = pool_.Run({"HGET", Key("job", JobId(name)), "tenant"});
  if (!tenant.ok()) return tenant.status();
  if (tenant->is_nil()) return core::JobNotFoundError(name);
  return tenant->text();
}

absl::StatusOr<core::JobPage> RedisJobStore::List(const core::ListOptions& options) const {
  int64_t before = std::numeric_limits<int64_t>::max();
  if (!options.page_token.empty()) {
    const absl::StatusOr<int64_t> place = ReadPageToken(options);
    if (!place.ok()) return place.status();
    before = *place;
  }
  const std::string index = Key("jobs", options.tenant);
  core::JobPage page;
  int64_t last = before;
  while (true) {
    const auto numbered = pool_.Run({"ZREVRANGEBYSCORE", index, absl::StrCat("(", before), "-inf", "WITHSCORES",
                                     "LIMIT", "0", absl::StrCat(kListedAtOnce)});
    if (!numbered.ok()) return numbered.status();
    if (numbered->list().empty()) return page;
    std::vector<RedisCommand> commands;
    for (size_t i = 0; i + 1 < numbered->list().size(); i += 2) {
      commands.push_back({"HGETALL", Key("job", numbered->list()[i].text())});
    }
    const auto hashes = pool_.RunAll(commands);
    for (size_t i = 0; i < hashes.size(); ++i) {
      if (!hashes[i].ok()) return hashes[i].status();
      const std::string& id = numbered->list()[2 * i].text();
      before = numbered->list()[2 * i + 1].number();
      if (hashes[i]->list().empty()) {  // its time is over
        pool_.Run({"ZREM", index, id}).IgnoreError();
        continue;
      }
      absl::StatusOr<core::Job> job = ReadJob(id, ToHash(*hashes[i]), *options_.codec);
      if (!job.ok()) return job.status();
      if (!Lists(options, job->state, *job->request)) continue;
      if (static_cast<int>(page.jobs.size()) == options.page_size) {
        page.next_page_token = MakePageToken(last, options);
        return page;
      }
      page.jobs.push_back(*std::move(job));
      last = before;
    }
  }
}

absl::StatusOr<core::Job> RedisJobStore::Cancel(const std::string& name, const std::string& reason) {
  const absl::Status status = core::JobCancelledError(name, reason);
  const auto stopped = Call("stop", {JobId(name), "cancel", reason, options_.codec->WriteStatus(status)});
  if (!stopped.ok()) return stopped.status();
  absl::StatusOr<core::Job> job = Get(name);
  // Whoever ends a job tells of it; its owner, if there is one, only lets it go.
  if (job.ok() && stopped->number() == 1) Report(*job, core::JobState::kQueued);
  return job;
}

absl::Status RedisJobStore::Delete(const std::string& name) {
  const absl::StatusOr<RedisReply> was = Call("forget", {JobId(name)});
  if (!was.ok()) return was.status();
  if (was->text().empty()) return core::JobNotFoundError(name);
  if (core::IsFinal(ReadState(was->text()))) return absl::OkStatus();
  return JobNotEndedError(name);
}

absl::StatusOr<core::Output> RedisJobStore::GetOutput(const std::string& name, int index) const {
  const std::string id = JobId(name);
  auto replies = pool_.RunAll({{"HMGET", Key("job", id), "state", "outputs", absl::StrCat("output:", index)},
                               {"GET", absl::StrCat(Key("output", id), ":", index)}});
  for (const auto& reply : replies) {
    if (!reply.ok()) return reply.status();
  }
  const std::vector<RedisReply>& job = replies[0]->list();
  if (job.at(0).is_nil()) return core::JobNotFoundError(name);
  if (job.at(2).is_nil()) {
    const bool will_come = !core::IsFinal(ReadState(job.at(0).text())) && index >= 0 && index < job.at(1).number();
    return will_come ? core::OutputNotReadyError(name, index) : core::OutputNotFoundError(name, index);
  }
  absl::StatusOr<core::EventKind> event = options_.codec->ReadEvent(job.at(2).text());
  if (!event.ok()) return event.status();
  auto* const output = std::get_if<core::Output>(&*event);
  if (output == nullptr) return absl::DataLossError("what was stored of a job is damaged: an output is none");
  if (output->state == core::OutputState::kOk) {
    if (replies[1]->is_nil()) return core::JobNotFoundError(name);  // it was forgotten in this moment
    output->data = std::make_shared<const std::string>(std::move(*replies[1]).text());
  }
  return std::move(*output);
}

absl::StatusOr<std::unique_ptr<core::Watch>> RedisJobStore::OpenWatch(const std::string& name, int64_t after_sequence,
                                                                      std::function<void()> on_ready) {
  // While nobody watched a job that waits, nobody told it where it stands.
  if (absl::Status told = Call("positions", {JobId(name)}).status(); !told.ok()) return told;
  return RedisWatch::Open({.id = JobId(name),
                           .prefix = options_.prefix,
                           .after_sequence = after_sequence,
                           .pool = &pool_,
                           .subscriptions = &subscriptions_,
                           .waiting = &waiting_,
                           .outputs = &outputs_,
                           .codec = options_.codec,
                           .on_ready = std::move(on_ready)});
}

bool RedisJobStore::TellOfLine() {
  const absl::Time now = options_.clock->Now();
  if (now < line_told_ + kLineInterval) return false;
  line_told_ = now;
  // First of all: what moves after this is announced, or it is looked at again.
  const absl::StatusOr<RedisReply> parts = Call("queue", {owner_});
  if (!parts.ok()) return false;
  std::map<std::string, QueueGauge::Waiting> line;
  for (size_t i = 1; i < parts->list().size(); ++i) {
    const std::vector<RedisReply>& part = parts->list()[i].list();
    line[part.at(0).text()] = {.jobs = part.at(1).number(), .pixel_steps = part.at(2).number()};
  }
  gauge_.SetLine(line);
  const std::vector<std::string> waiting = waiting_.Ids();
  for (size_t i = 0; i < waiting.size(); i += kPositionsAtOnce) {
    const auto end = waiting.begin() + static_cast<std::ptrdiff_t>(std::min(i + kPositionsAtOnce, waiting.size()));
    if (!Call("positions", {waiting.begin() + static_cast<std::ptrdiff_t>(i), end}).ok()) return false;
  }
  return parts->list().at(0).number() == 1;
}

}  // namespace latentd::store
