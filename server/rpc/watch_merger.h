#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "server/core/event.h"
#include "server/core/job_store.h"
#include "server/core/mutex.h"

namespace latentd::rpc {

// Reads several jobs' histories as one, in turns: a job with much to say does not keep the others from being heard.
//
//   WatchMerger merger([] { … });
//   merger.Open(store, "jobs/a", 0);
//   while (auto item = *merger.Next()) … // until there is nothing; on_ready then tells when to call Next again
//
// Not thread-safe; on_ready may come at any time, on any thread, but not any more when the merger is gone: it waits for
// one that is under way.
class WatchMerger {
 public:
  struct Item {
    std::string job;
    core::Event event;
  };

  // `on_ready` is called after a Next that gave nothing, when there may be something; it must not block nor call back.
  explicit WatchMerger(std::function<void()> on_ready) : on_ready_(std::move(on_ready)) {}

  // Adds a job's history after a place. NOT_FOUND. REQUIRES: Next was not called yet; the store outlives the merger.
  absl::Status Open(core::JobStore& store, const std::string& job, int64_t after_sequence);

  // The next event of a job that has one; empty when none has. NOT_FOUND: a job was deleted before its end was read.
  absl::StatusOr<std::optional<Item>> Next();

  // Whether every job's terminal event has been read.
  bool ended() const { return open_ == 0; }

 private:
  struct Source {
    std::string job;
    std::unique_ptr<core::Watch> watch;  // null once the job's end has been read
  };

  void MarkReady(size_t source);
  std::optional<size_t> TakeReady();

  const std::function<void()> on_ready_;
  core::Mutex mutex_;
  std::deque<size_t> ready_ ABSL_GUARDED_BY(mutex_);  // sources that may have something, in their order of turn

  size_t open_ = 0;
  std::vector<Source> sources_;  // last: its watches call MarkReady until they are gone
};

}  // namespace latentd::rpc
