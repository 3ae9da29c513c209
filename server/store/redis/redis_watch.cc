#include "server/store/redis/redis_watch.h"

#include <algorithm>
#include <iterator>
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
  auto news = Read(0);
  if (!news.ok()) return news.status();
  core::MutexLock lock(mutex_);
  for (Entry& entry : news->entries) Take(std::move(entry));
  // A place past the end is the end; of an ended job the terminal event is always still to come.
  place_ = std::min(place_, log_.last_sequence() - (log_.ended() ? 1 : 0));
  return absl::OkStatus();
}

RedisWatch::~RedisWatch() {
  if (subscription_ != 0) options_.subscriptions->Remove(subscription_);
  OutputReader::Id wish = 0;
  {
    core::MutexLock lock(mutex_);
    wish = wish_;
  }
  options_.outputs->Withdraw(wish);
  notifier_->Close();
  core::MutexLock lock(mutex_);
  if (in_line_) options_.waiting->Remove(options_.id);
}

absl::StatusOr<std::optional<core::Event>> RedisWatch::Next() {
  core::MutexLock lock(mutex_);
  waiting_ = false;
  if (at_end_) return std::nullopt;
  if (std::optional<core::Event> event = TakeNext()) {
    place_ = event->sequence;
    at_end_ = event->terminal();
    return event;
  }
  if (!problem_.ok()) return problem_;
  waiting_ = true;
  return std::nullopt;
}

std::optional<core::Event> RedisWatch::TakeNext() {
  const core::Event* const next = log_.After(place_);
  // The output that he is at, or in the middle of.
  auto output = outputs_.end();
  if (next != nullptr) output = outputs_.find(next->sequence);
  if (const auto after = outputs_.upper_bound(place_); after != outputs_.begin()) {
    const auto before = std::prev(after);
    if (place_ < before->first + before->second.pieces) output = before;
  }
  if (output == outputs_.end()) return next == nullptr ? std::nullopt : std::optional(*next);
  const auto& [sequence, pieces] = *output;
  if (!HasBytes(sequence, pieces)) return std::nullopt;
  if (next != nullptr && sequence > place_) {
    core::Event event = *next;
    std::get<core::Output>(event.kind).data = bytes_;
    return event;
  }
  const int64_t offset = (place_ - sequence) * core::EventLog::kChunkBytes;
  const int64_t size = std::min(core::EventLog::kChunkBytes, static_cast<int64_t>(bytes_->size()) - offset);
  core::Event event{.sequence = place_ + 1,
                    .time = pieces.time,
                    .kind = core::OutputChunk{.index = pieces.index, .offset = offset, .size = size, .data = bytes_}};
  if (event.sequence == sequence + pieces.pieces) {  // he has all of it
    bytes_ = nullptr;
    bytes_of_ = 0;
  }
  return event;
}

bool RedisWatch::HasBytes(int64_t sequence, const InPieces& output) {
  if (bytes_of_ != sequence) {
    bytes_of_ = sequence;
    bytes_ = nullptr;
    wish_ = options_.outputs->Read(
        absl::StrCat(options_.prefix, "output:", options_.id, ":", output.index),
        [this, sequence](absl::StatusOr<core::Blob> bytes) { OnBytes(sequence, std::move(bytes)); });
  }
  return bytes_ != nullptr;
}

void RedisWatch::OnBytes(int64_t sequence, absl::StatusOr<core::Blob> bytes) {
  std::shared_ptr<Notifier> waiting;
  {
    core::MutexLock lock(mutex_);
    // Nothing there: the job was forgotten in this moment.
    if (bytes.ok() && *bytes == nullptr) bytes = core::JobNotFoundError(JobName(options_.id));
    if (!bytes.ok()) problem_ = bytes.status();
    if (bytes.ok() && bytes_of_ == sequence) bytes_ = *std::move(bytes);
    waiting = WhoWaits();
  }
  // From here on this may be gone: the reader may have come, and left.
  if (waiting != nullptr) waiting->Notify();
}

std::shared_ptr<Notifier> RedisWatch::WhoWaits() { return std::exchange(waiting_, false) ? notifier_ : nullptr; }

bool RedisWatch::Fill() {
  int64_t sequence = 0;
  {
    core::MutexLock lock(mutex_);
    if (log_.ended()) return true;
    sequence = log_.last_sequence();
  }
  auto news = Read(sequence);
  if (absl::IsUnavailable(news.status())) return false;
  // What happens now would come with numbers that were given before.
  if (news.ok() && news->last < sequence) news = CannotServe("it has come back with less than it had");
  std::shared_ptr<Notifier> waiting;
  {
    core::MutexLock lock(mutex_);
    if (!news.ok()) {
      problem_ = news.status();
    } else {
      for (Entry& entry : news->entries) Take(std::move(entry));
    }
    if (log_.After(place_) != nullptr || !problem_.ok()) waiting = WhoWaits();
  }
  if (waiting != nullptr) waiting->Notify();
  return true;
}

absl::StatusOr<RedisWatch::News> RedisWatch::Read(int64_t sequence) const {
  const auto replies = options_.pool->RunAll(
      {{"HGET", absl::StrCat(options_.prefix, "job:", options_.id), "sequence"},
       {"XRANGE", absl::StrCat(options_.prefix, "events:", options_.id), absl::StrCat("(", sequence, "-0"), "+"}});
  for (const auto& reply : replies) {
    if (!reply.ok()) return reply.status();
  }
  if (replies[0]->is_nil()) return core::JobNotFoundError(JobName(options_.id));
  News news{.last = replies[0]->number(), .entries = {}};
  for (const RedisReply& reply : replies[1]->list()) {
    absl::StatusOr<Entry> entry = ReadOne(reply);
    if (!entry.ok()) return entry.status();
    news.entries.push_back(*std::move(entry));
  }
  return news;
}

absl::StatusOr<RedisWatch::Entry> RedisWatch::ReadOne(const RedisReply& reply) const {
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
  return entry;
}

void RedisWatch::Take(Entry entry) {
  log_.SkipTo(entry.sequence - 1);
  NoteWhetherItWaits(entry.kind);
  if (const auto* output = std::get_if<core::Output>(&entry.kind); output != nullptr && entry.pieces > 0) {
    outputs_[entry.sequence] = {.index = output->index, .pieces = entry.pieces, .time = entry.time};
  }
  log_.Append(entry.time, std::move(entry.kind));
  log_.SkipTo(entry.sequence + entry.pieces);
}

void RedisWatch::NoteWhetherItWaits(const core::EventKind& event) {
  const bool waits = std::holds_alternative<core::Queued>(event) || std::holds_alternative<core::Requeued>(event);
  const bool ends = std::holds_alternative<core::Started>(event) || core::Event{.kind = event}.terminal();
  if (waits && !in_line_) options_.waiting->Add(options_.id);
  if (ends && in_line_) options_.waiting->Remove(options_.id);
  in_line_ = waits || (in_line_ && !ends);
}

}  // namespace latentd::store
