#include "tests/bench/fleet/replica.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/bench/fleet/speed.h"
#include "tests/bench/fleet/trace.h"

namespace latentd::bench {
namespace {

constexpr absl::Duration kCheckpointEvery = absl::Seconds(2);          // main.cc's
constexpr absl::Duration kProgressInterval = absl::Milliseconds(200);  // RedisJobStore's
constexpr absl::Duration kRedisTimeout = absl::Seconds(2);             // RedisConnection's
constexpr absl::Duration kJobTimeout = absl::Minutes(10);
// Of what has ended. Redis counts it in real time: long enough to be read, short enough for the memory here.
constexpr absl::Duration kKept = absl::Seconds(10);

std::string ModelName(int model) { return absl::StrCat("model-", model); }

std::string Ms(absl::Duration duration) { return absl::StrCat(absl::ToInt64Milliseconds(duration)); }

}  // namespace

Replica::Replica(Options options)
    : options_(std::move(options)),
      reads_({.events = options_.events,
              .redis = options_.redis,
              .jobs = options_.jobs,
              .owner = options_.name,
              .on_work = [this] { claims_.Wake(); }}),
      writes_(options_.redis, [this](const std::string& id, const std::string& token) { Lose(id, token); }),
      claims_({.events = options_.events,
               .redis = options_.redis,
               .owner = options_.name,
               .begins_after = options_.renews_after,
               .owned =
                   [this] {
                     std::vector<Claims::Token> owned;
                     for (const auto& [id, job] : running_) owned.emplace_back(id, job.token);
                     return owned;
                   },
               .on_claimed =
                   [this](const std::vector<Claims::Token>& jobs) {
                     for (const auto& [id, token] : jobs) running_[id].token = token;
                     ready_.insert(ready_.end(), jobs.begin(), jobs.end());
                     Go();
                   },
               .on_lost =
                   [this](const std::string& id) {
                     if (const auto job = running_.find(id); job != running_.end()) Lose(id, job->second.token);
                   }}),
      scheduler_({.batching = {.max_batch_rows = Speed::kMaxRows, .max_lanes = Speed::kMaxLanes}}),
      models_(options_.models) {
  for (const std::string& model : models_) scheduler_.SetModelReady(model, true);
  Offer();
}

bool Replica::Generate(const Arrival& arrival, const std::string& id) {
  VirtualRedis& redis = *options_.redis;
  if (redis.Backlog() > kRedisTimeout) return false;
  const int64_t work = int64_t{1} * arrival.steps * arrival.lanes * 512 * 512;
  const auto created = redis.Script("create", {id,
                                               arrival.tenant,
                                               ModelName(arrival.model),
                                               "0",
                                               absl::StrCat(work),
                                               "1000",
                                               "1",
                                               "1",
                                               Ms(kJobTimeout),
                                               Ms(kKept),
                                               "0",
                                               "",
                                               "",
                                               "",
                                               options_.payloads->request,
                                               "0",
                                               "0",
                                               "0",
                                               "1000000",
                                               absl::StrCat(int64_t{4} << 30),
                                               absl::StrCat(int64_t{1} << 40),
                                               "",
                                               "",
                                               options_.name});
  redis.Run("create", {created}, [this, &redis, id](const VirtualRedis::Replies&) {
    redis.Run("call", {{"HGETALL", absl::StrCat(VirtualRedis::kPrefix, "job:", id)}},
              [this, &redis, id](const VirtualRedis::Replies&) {
                redis.Run("call", {redis.Script("positions", {id})}, [this, &redis, id](const VirtualRedis::Replies&) {
                  redis.Run("read", Reads::Read(options_.jobs->at(id)),
                            [this, id](const VirtualRedis::Replies& replies) {
                              Job& job = options_.jobs->at(id);
                              reads_.Take(replies, job);
                              if (!job.ended) reads_.Follow(id);
                            });
                });
              });
  });
  return true;
}

// The engine's loop, which waits when nothing can run.
void Replica::Go() {
  if (busy_) return;
  if (!ready_.empty()) offered_.jobs = -1;  // the offer was taken: there is a new one, be it the same
  for (const Claims::Token& token : std::exchange(ready_, {})) Submit(token);
  const auto plan = scheduler_.NextPlan(options_.events->now());
  if (!plan) return Offer();
  busy_ = true;
  planned_at_ = options_.events->now();
  if (plan->stage == core::Stage::kEncode) {
    for (const core::RowId row : plan->rows) options_.jobs->at(rows_.at(row)).began = options_.events->now();
  }
  options_.events->At(options_.events->now() + TimeOf(*plan), [this, plan = *plan] { End(plan); });
}

void Replica::Submit(const Claims::Token& token) {
  const Arrival& arrival = options_.jobs->at(token.first).arrival;
  const std::string model = ModelName(arrival.model);
  running_[token.first].checkpoint_time = options_.events->now();
  if (!models_.contains(model) && loading_.insert(model).second) {
    options_.events->At(options_.events->now() + Speed::kLoadModel, [this, model] {
      loading_.erase(model);
      models_.insert(model);
      scheduler_.SetModelReady(model, true);
      Go();
    });
  }
  rows_[next_row_] = token.first;
  scheduler_.Submit({.id = next_row_++,
                     .job = token.first,
                     .key = {.model = model, .latent_height = 64, .latent_width = 64},
                     .submitted = arrival.time,
                     .evaluations = arrival.steps,
                     .lanes = arrival.lanes,
                     .tenant = arrival.tenant});
}

absl::Duration Replica::TimeOf(const core::Plan& plan) const {
  if (plan.stage == core::Stage::kEncode) return plan.rows.size() * Speed::kEncodeRow;
  if (plan.stage == core::Stage::kDecode) return plan.rows.size() * Speed::kDecodeRow;
  int lanes = 0;
  for (const core::RowId row : plan.rows) lanes += options_.jobs->at(rows_.at(row)).arrival.lanes;
  return Speed::Forward(lanes);
}

void Replica::End(const core::Plan& plan) {
  work_.busy += options_.events->now() - planned_at_;
  if (plan.stage == core::Stage::kPredict) {
    ++work_.forwards;
    work_.rows += static_cast<int64_t>(plan.rows.size());
  }
  scheduler_.Update(plan, options_.events->now(), std::vector(plan.rows.size(), core::RowResult::kOk));
  for (const core::RowId row : plan.rows) {
    if (const auto job = rows_.find(row); job != rows_.end()) Publish(plan.stage, job->second);
  }
  if (plan.stage == core::Stage::kPredict) Checkpoint();
  if (plan.stage == core::Stage::kDecode) {
    for (const core::RowId row : plan.rows) rows_.erase(row);
  }
  Offer();
  busy_ = false;
  Go();
}

void Replica::Publish(core::Stage stage, const std::string& id) {
  const Payloads& payloads = *options_.payloads;
  switch (stage) {
    case core::Stage::kEncode:
      running_.at(id).started = true;
      return Write(id, {"start", payloads.started});
    case core::Stage::kPredict:
      if (options_.events->now() < running_.at(id).progress_time + kProgressInterval) return;
      running_.at(id).progress_time = options_.events->now();
      ++work_.progress;
      return Write(id, {"progress", "0", "0", payloads.progress, payloads.usage, "13107200"});
    case core::Stage::kDecode:
      Write(id, {"output", "0", "1", payloads.output, payloads.picture});
      Write(id, {"complete", payloads.usage, "13107200", payloads.usage, "1"});
      running_.erase(id);
  }
}

void Replica::Checkpoint() {
  const absl::Time now = options_.events->now();
  for (auto& [id, job] : running_) {
    if (!job.started || now < job.checkpoint_time + kCheckpointEvery) continue;
    job.checkpoint_time = now;
    ++work_.checkpoints;
    Write(id, {"checkpoint", "12", options_.payloads->usage, "0", options_.payloads->checkpoint});
  }
}

void Replica::Offer() {
  const int waiting = scheduler_.stats().waiting_rows;
  core::Capacity capacity{.jobs = std::max(0, Speed::kMaxRows - waiting), .can_load = loading_.empty()};
  for (int i = 0; i < Trace::kModels; ++i) {
    const std::string model = ModelName(i);
    const bool is_here = models_.contains(model) || loading_.contains(model);
    (is_here ? capacity.models : capacity.other_models).push_back(model);
  }
  if (capacity == offered_) return;
  offered_ = capacity;
  claims_.Offer(capacity);
}

void Replica::Lose(const std::string& id, const std::string& token) {
  const auto job = running_.find(id);
  if (job == running_.end() || job->second.token != token) return;
  ++work_.lost;
  for (const core::RowId row : scheduler_.RemoveJob(id)) rows_.erase(row);
  std::erase_if(ready_, [&](const Claims::Token& each) { return each.first == id; });
  running_.erase(job);
}

void Replica::Write(const std::string& id, std::vector<std::string> what) {
  const bool is_progress = what[0] == "progress";
  const bool is_last = what[0] == "complete";
  writes_.Add({.id = id,
               .token = running_.at(id).token,
               .what = std::move(what),
               .is_progress = is_progress,
               .is_last = is_last});
}

}  // namespace latentd::bench
