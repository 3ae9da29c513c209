#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "client/cpp/generation.h"
#include "client/cpp/job_watcher.h"
#include "client/cpp/output_assembler.h"

namespace latentd::client {

// Follows one job to its end: hands its events on, puts its outputs together, and turns its terminal event into a
// result or an error. Used once, by one thread.
class JobFollower {
 public:
  // REQUIRES: `watcher` and `callbacks` outlive the follower. `joined_late`: the watcher does not begin at the start.
  JobFollower(JobWatcher& watcher, const Callbacks& callbacks, std::string job, bool joined_late);

  enum class Outcome {
    kEnded,     // see result()
    kStopped,   // the stop token or a callback asked for it
    kDeadline,  // Run may be called again after these two, and goes on where it was.
  };

  Outcome Run(const CallOptions& options);

  // FAILED jobs give their own error, cancelled ones CANCELLED. REQUIRES: Run returned kEnded; called once.
  absl::StatusOr<Result> result() { return std::move(result_); }

 private:
  absl::Status Handle(const v1::Event& event);
  absl::Status Deliver(const absl::StatusOr<const Output*>& output);
  absl::StatusOr<Result> Conclude(const v1::Event& terminal);

  JobWatcher& watcher_;
  const Callbacks& callbacks_;
  const std::string job_;
  OutputAssembler assembler_;
  std::vector<v1::Warning> warnings_;
  absl::StatusOr<Result> result_;
};

}  // namespace latentd::client
