#include "server/rpc/watch_merger.h"

#include <utility>

namespace latentd::rpc {

absl::Status WatchMerger::Open(core::JobStore& store, const std::string& job, int64_t after_sequence) {
  const size_t source = sources_.size();
  auto watch = store.OpenWatch(job, after_sequence, [this, source] { MarkReady(source); });
  if (!watch.ok()) return watch.status();
  sources_.push_back({job, *std::move(watch)});
  ++open_;
  core::MutexLock lock(mutex_);
  ready_.push_back(source);
  return absl::OkStatus();
}

absl::StatusOr<std::optional<WatchMerger::Item>> WatchMerger::Next() {
  while (const std::optional<size_t> ready = TakeReady()) {
    Source& source = sources_[*ready];
    if (source.watch == nullptr) continue;
    absl::StatusOr<std::optional<core::Event>> event = source.watch->Next();
    if (!event.ok()) return event.status();
    if (!event->has_value()) continue;
    if ((*event)->terminal()) {
      source.watch.reset();
      --open_;
    } else {
      core::MutexLock lock(mutex_);
      ready_.push_back(*ready);
    }
    return Item{source.job, **std::move(event)};
  }
  return std::nullopt;
}

void WatchMerger::MarkReady(size_t source) {
  {
    core::MutexLock lock(mutex_);
    ready_.push_back(source);
    // Only the first needs a call: the reader goes on until nothing is ready.
    if (ready_.size() > 1) return;
  }
  on_ready_();
}

std::optional<size_t> WatchMerger::TakeReady() {
  core::MutexLock lock(mutex_);
  if (ready_.empty()) return std::nullopt;
  const size_t source = ready_.front();
  ready_.pop_front();
  return source;
}

}  // namespace latentd::rpc
