#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/core/event.h"
#include "server/core/event_log.h"
#include "server/core/generation_request.h"
#include "server/core/job_store.h"
#include "server/store/notifier.h"

namespace latentd::store {

// An open watch, as the job that it reads knows it.
struct Watcher {
  std::shared_ptr<Notifier> notifier;
  bool waiting = false;  // the last Next gave nothing: tell it of the next event
};

// Everything known of one job. Not thread-safe.
struct JobRecord {
  // Constant.
  std::string name;
  int64_t serial = 0;  // rises with each job
  std::shared_ptr<const core::GenerationRequest> request;
  core::CreateOptions options;
  absl::Time create_time;
  absl::Time deadline;
  double weight = 1;        // of its tenant
  int64_t pixel_steps = 0;  // that it was expected to take

  // What has become of it.
  core::JobState state = core::JobState::kQueued;
  bool claimed = false;
  bool removed = false;  // not in the store any more
  std::optional<absl::Time> start_time;
  std::optional<absl::Time> end_time;
  absl::Time expire_time = absl::InfiniteFuture();  // set at the end
  core::EventLog log;
  std::map<int, core::Output> outputs;
  core::Checkpoint checkpoint;  // where the next runner goes on
  absl::Status error;
  std::optional<core::Usage> usage;
  std::vector<core::Warning> warnings;

  // Watches that have not come to the end.
  std::vector<std::shared_ptr<Watcher>> watchers;
  // The position that its last Queued told; -1: none.
  int told_position = -1;

  core::Job Snapshot() const;

  // What it keeps in memory, roughly.
  int64_t bytes() const;
};

// What the request itself takes (without the blobs that it refers to), and what the job may come to hold before its
// end: its prompts, and its pictures before they are compressed.
int64_t RequestBytes(const core::GenerationRequest& request);
int64_t PendingBytes(const core::GenerationRequest& request);

// Evaluations × lanes × pixels that it will take, roughly: a sampler may need several evaluations for a step, and a
// task may leave some out.
int64_t PixelSteps(const core::GenerationRequest& request);

}  // namespace latentd::store
