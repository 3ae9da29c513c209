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
  core::MutexLock lock(mutex_);
  if (absl::Status filled = FillLocked(); !filled.ok()) return filled;
  // A place past the end is the end; of an ended job the terminal event is always still to come.
  place_ = std::min(place_, log_.last_sequence() - (log_.ended() ? 1 : 0));
  return absl::OkStatus();
}

RedisWatch::~RedisWatch() {
  if (subscription_ != 0) options_.subscriptions->Remove(subscription_);
  notifier_->Close();
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
  bool tell = false;
  bool is_away = false;
  {
    core::MutexLock lock(mutex_);
    const absl::Status filled = FillLocked();
    is_away = absl::IsUnavailable(filled);
    if (!filled.ok() && !absl::IsUnavailable(filled)) problem_ = filled;
    const bool has_news = log_.After(place_) != nullptr || !problem_.ok();
    tell = waiting_ && has_news;
    if (tell) waiting_ = false;
  }
  if (tell) notifier_->Notify();
  return !is_away;
}

absl::Status RedisWatch::FillLocked() {
  if (log_.ended()) return absl::OkStatus();
  const std::string after = absl::StrCat("(", log_.last_sequence(), "-0");
  const auto replies =
      options_.pool->RunAll({{"EXISTS", absl::StrCat(options_.prefix, "job:", options_.id)},
                             {"XRANGE", absl::StrCat(options_.prefix, "events:", options_.id), after, "+"}});
  for (const auto& reply : replies) {
    if (!reply.ok()) return reply.status();
  }
  if (replies[0]->number() == 0) return core::JobNotFoundError(JobName(options_.id));
  for (const RedisReply& entry : replies[1]->list()) {
    if (absl::Status taken = TakeEntry(entry); !taken.ok()) return taken;
  }
  return absl::OkStatus();
}

absl::Status RedisWatch::TakeEntry(const RedisReply& entry) {
  int64_t sequence = 0;
  const std::string& number = entry.list().at(0).text();
  if (!absl::SimpleAtoi(number.substr(0, number.find('-')), &sequence)) return absl::DataLossError("a bad number");
  const RedisHash values = ToHash(entry.list().at(1));
  absl::StatusOr<core::EventKind> event = ReadEvent(values, *options_.codec);
  if (!event.ok()) return event.status();
  log_.SkipTo(sequence - 1);
  if (auto* output = std::get_if<core::Output>(&*event)) {
    int64_t pieces = 0;
    if (values.contains("pieces")) (void)absl::SimpleAtoi(values.at("pieces"), &pieces);
    if (sequence + pieces <= place_) {  // it has them
      log_.SkipTo(sequence + pieces);
      return absl::OkStatus();
    }
    if (pieces > 0) {
      auto bytes =
          options_.pool->Run({"GET", absl::StrCat(options_.prefix, "output:", options_.id, ":", output->index)});
      if (!bytes.ok()) return bytes.status();
      output->data = std::make_shared<const std::string>(std::move(*bytes).text());
    }
  }
  log_.Append(FromMs(values.at("time")), *std::move(event));
  return absl::OkStatus();
}

}  // namespace latentd::store
