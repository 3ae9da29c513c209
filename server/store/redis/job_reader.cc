#include "server/store/redis/job_reader.h"

#include <cstdint>
#include <optional>
#include <utility>
#include <variant>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/strip.h"

namespace latentd::store {
namespace {

constexpr absl::string_view kJobs = "jobs/";
constexpr absl::string_view kOutput = "output:";

std::string Field(const RedisHash& hash, const std::string& name) {
  const auto field = hash.find(name);
  return field == hash.end() ? "" : field->second;
}

int64_t Number(const std::string& text) {
  int64_t number = 0;
  return absl::SimpleAtoi(text, &number) ? number : 0;
}

std::optional<absl::Time> TimeIn(const RedisHash& hash, const std::string& name) {
  const std::string text = Field(hash, name);
  if (text.empty()) return std::nullopt;
  return FromMs(text);
}

// A job that nothing was said of took nothing.
absl::StatusOr<core::Usage> UsageOf(const std::string& bytes, const core::JobCodec& codec) {
  if (bytes.empty()) return core::Usage();
  return codec.ReadUsage(bytes);
}

}  // namespace

RedisHash ToHash(const RedisReply& reply) {
  RedisHash hash;
  for (size_t i = 0; i + 1 < reply.list().size(); i += 2) hash[reply.list()[i].text()] = reply.list()[i + 1].text();
  return hash;
}

std::string JobId(const std::string& name) { return std::string(absl::StripPrefix(name, kJobs)); }
std::string JobName(const std::string& id) { return absl::StrCat(kJobs, id); }

absl::Time FromMs(const std::string& text) { return absl::FromUnixMillis(Number(text)); }

std::string Ms(absl::Time time) { return absl::StrCat(absl::ToUnixMillis(time)); }

std::string Ms(absl::Duration duration) { return absl::StrCat(absl::ToInt64Milliseconds(duration)); }

core::JobState ReadState(const std::string& text) {
  for (const core::JobState state :
       {core::JobState::kQueued, core::JobState::kRunning, core::JobState::kCompleted, core::JobState::kCancelled}) {
    if (text == core::Name(state)) return state;
  }
  return core::JobState::kFailed;
}

absl::StatusOr<core::Job> ReadJob(const std::string& id, const RedisHash& hash, const core::JobCodec& codec) {
  auto request = codec.ReadRequest(Field(hash, "request"), [](const std::string&) { return nullptr; });
  if (!request.ok()) return request.status();
  core::Job job{.name = JobName(id),
                .request = *std::move(request),
                .tenant = Field(hash, "tenant"),
                .request_id = Field(hash, "request_id"),
                .trace_id = Field(hash, "trace"),
                .state = ReadState(Field(hash, "state")),
                .create_time = FromMs(Field(hash, "create")),
                .start_time = TimeIn(hash, "start"),
                .end_time = TimeIn(hash, "end"),
                .last_sequence = Number(Field(hash, "sequence"))};
  job.expire_time = TimeIn(hash, "forget");
  if (!job.expire_time) job.expire_time = job.request->expire_time();
  if (const std::string error = Field(hash, "error"); !error.empty()) job.error = codec.ReadStatus(error);
  if (const std::string bytes = Field(hash, "usage"); !bytes.empty()) {
    absl::StatusOr<core::Usage> usage = codec.ReadUsage(bytes);
    if (!usage.ok()) return usage.status();
    usage->queue_time = job.start_time.value_or(job.end_time.value_or(job.create_time)) - job.create_time;
    job.usage = *usage;
  }
  if (const std::string bytes = Field(hash, "started"); !bytes.empty()) {
    const absl::StatusOr<core::EventKind> started = codec.ReadEvent(bytes);
    if (!started.ok()) return started.status();
    if (const auto* event = std::get_if<core::Started>(&*started)) job.warnings = event->warnings;
  }
  std::map<int, core::Output> outputs;
  for (const auto& [name, value] : hash) {
    if (!absl::StartsWith(name, kOutput)) continue;
    absl::StatusOr<core::EventKind> event = codec.ReadEvent(value);
    if (!event.ok()) return event.status();
    if (auto* output = std::get_if<core::Output>(&*event)) outputs.emplace(output->index, std::move(*output));
  }
  for (auto& [index, output] : outputs) job.outputs.push_back(std::move(output));
  return job;
}

absl::StatusOr<core::EventKind> ReadEvent(const RedisHash& entry, const core::JobCodec& codec) {
  if (entry.contains("event")) return codec.ReadEvent(entry.at("event"));
  if (entry.contains("queued")) {
    core::Queued queued{.position = static_cast<int>(Number(entry.at("queued")))};
    if (entry.contains("eta")) queued.eta = absl::Milliseconds(Number(entry.at("eta")));
    return queued;
  }
  if (entry.contains("requeued")) {
    return core::Requeued{.reason = entry.at("requeued"),
                          .resume_step = static_cast<int>(Number(Field(entry, "step")))};
  }
  const bool is_completed = entry.contains("completed");
  absl::StatusOr<core::Usage> usage = UsageOf(Field(entry, is_completed ? "completed" : "usage"), codec);
  if (!usage.ok()) return usage.status();
  usage->queue_time = absl::Milliseconds(Number(Field(entry, "waited")));
  if (is_completed) return core::Completed{.usage = *usage};
  if (entry.contains("failed")) return core::Failed{.status = codec.ReadStatus(entry.at("failed")), .usage = *usage};
  if (entry.contains("cancelled")) return core::Cancelled{.reason = entry.at("cancelled"), .usage = *usage};
  return absl::DataLossError("what was stored of a job is damaged: an event of an unknown kind");
}

}  // namespace latentd::store
