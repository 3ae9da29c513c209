#include "server/store/redis/redis_watch.h"

#include <algorithm>
#include <utility>
#include <variant>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "server/core/errors.h"
#include "server/store/redis/job_reader.h"

namespace latentd::store {

absl::StatusOr<std::unique_ptr<core::Watch>> RedisWatch::Open(Options options) {
  std::unique_ptr<RedisWatch> watch(new RedisWatch(std::move(options)));
  if (absl::Status begun = watch->Begin(); !begun.ok()) return begun;
  watch->subscription_ =
      watch->options_.subscriptions->Add(absl::StrCat(watch->options_.prefix, "told:", watch->options_.id),
                                         [raw = watch.get()](const std::string& /*message*/) { return raw->Fill(); });
  return watch;
}

RedisWatch::RedisWatch(Options options)
    : options_(std::move(options)),
      notifier_(std::make_shared<Notifier>(options_.on_ready)),
      place_(options_.after_sequence) {}

absl::Status RedisWatch::Begin() {
  auto entries = Read(0, options_.after_sequence);
  if (!entries.ok()) return entries.status();
  core::MutexLock lock(mutex_);
  for (Entry& entry : *entries) Take(std::move(entry));
  // A place past the end is the end; of an ended job the terminal event is always still to come.
  place_ = std::min(place_, log_.last_sequence() - (log_.ended() ? 1 : 0));
  return absl::OkStatus();
}

RedisWatch::~RedisWatch() {
  if (subscription_ != 0) options_.subscriptions->Remove(subscription_);
  notifier_->Close();
  core::MutexLock lock(mutex_);
  if (in_line_) options_.waiting->Remove(options_.id);
}

absl::StatusOr<std::optional<core::Event>> RedisWatch::Next() {
  core::MutexLock lock(mutex_);
  waiting_ = false;
  if (at_end_) return std::nullopt;
  if (const core::Event* event = log_.After(place_); event != nullptr) {
    place_ = event->sequence;
    at_end_ = event->terminal();
    return *event;
  }
  if (!problem_.ok()) return problem_;
  waiting_ = true;
  return std::nullopt;
}

bool RedisWatch::Fill() {
  int64_t sequence = 0;
  int64_t place = 0;
  {
    core::MutexLock lock(mutex_);
    if (log_.ended()) return true;
    sequence = log_.last_sequence();
    place = place_;
  }
  auto entries = Read(sequence, place);
  if (absl::IsUnavailable(entries.status())) return false;
  bool tell = false;
  {
    core::MutexLock lock(mutex_);
    if (!entries.ok()) {
      problem_ = entries.status();
    } else {
      for (Entry& entry : *entries) Take(std::move(entry));
    }
    tell = waiting_ && (log_.After(place_) != nullptr || !problem_.ok());
    if (tell) waiting_ = false;
  }
  if (tell) notifier_->Notify();
  return true;
}

absl::StatusOr<std::vector<RedisWatch::Entry>> RedisWatch::Read(int64_t sequence, int64_t place) const {
  const auto replies = options_.pool->RunAll(
      {{"EXISTS", absl::StrCat(options_.prefix, "job:", options_.id)},
       {"XRANGE", absl::StrCat(options_.prefix, "events:", options_.id), absl::StrCat("(", sequence, "-0"), "+"}});
  for (const auto& reply : replies) {
    if (!reply.ok()) return reply.status();
  }
  if (replies[0]->number() == 0) return core::JobNotFoundError(JobName(options_.id));
  std::vector<Entry> entries;
  for (const RedisReply& reply : replies[1]->list()) {
    absl::StatusOr<Entry> entry = ReadOne(reply, place);
    if (!entry.ok()) return entry.status();
    entries.push_back(*std::move(entry));
  }
  return entries;
}

absl::StatusOr<RedisWatch::Entry> RedisWatch::ReadOne(const RedisReply& reply, int64_t place) const {
  Entry entry;
  const std::string& number = reply.list().at(0).text();
  if (!absl::SimpleAtoi(number.substr(0, number.find('-')), &entry.sequence)) {
    return absl::DataLossError("a bad number");
  }
  const RedisHash values = ToHash(reply.list().at(1));
  absl::StatusOr<core::EventKind> event = ReadEvent(values, *options_.codec);
  if (!event.ok()) return event.status();
  entry.kind = *std::move(event);
  entry.time = FromMs(values.at("time"));
  if (values.contains("pieces")) (void)absl::SimpleAtoi(values.at("pieces"), &entry.pieces);
  auto* const output = std::get_if<core::Output>(&entry.kind);
  if (output == nullptr || entry.pieces == 0 || entry.sequence + entry.pieces <= place) return entry;
  auto bytes = options_.pool->Run({"GET", absl::StrCat(options_.prefix, "output:", options_.id, ":", output->index)});
  if (!bytes.ok()) return bytes.status();
  if (bytes->is_nil()) return core::JobNotFoundError(JobName(options_.id));  // it was forgotten in this moment
  output->data = std::make_shared<const std::string>(std::move(*bytes).text());
  return entry;
}

void RedisWatch::Take(Entry entry) {
  log_.SkipTo(entry.sequence - 1);
  const int64_t last = entry.sequence + entry.pieces;
  if (entry.pieces > 0 && last <= place_) return log_.SkipTo(last);  // it has them
  NoteWhetherItWaits(entry.kind);
  log_.Append(entry.time, std::move(entry.kind));
}

void RedisWatch::NoteWhetherItWaits(const core::EventKind& event) {
  const bool waits = std::holds_alternative<core::Queued>(event) || std::holds_alternative<core::Requeued>(event);
  const bool ends = std::holds_alternative<core::Started>(event) || core::Event{.kind = event}.terminal();
  if (waits && !in_line_) options_.waiting->Add(options_.id);
  if (ends && in_line_) options_.waiting->Remove(options_.id);
  in_line_ = waits || (in_line_ && !ends);
}

}  // namespace latentd::store
