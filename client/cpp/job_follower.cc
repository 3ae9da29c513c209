#include "client/cpp/job_follower.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cpp/error.h"

namespace latentd::client {

JobFollower::JobFollower(JobWatcher& watcher, const Callbacks& callbacks, std::string job, bool joined_late)
    : watcher_(watcher), callbacks_(callbacks), job_(std::move(job)), assembler_(joined_late) {}

JobFollower::Outcome JobFollower::Run(const CallOptions& options) {
  v1::Event event;
  while (true) {
    switch (watcher_.Next(event, options)) {
      case JobWatcher::Outcome::kStopped:
        return Outcome::kStopped;
      case JobWatcher::Outcome::kDeadline:
        return Outcome::kDeadline;
      case JobWatcher::Outcome::kFailed:
        result_ = Annotate(watcher_.status(), job_);
        return Outcome::kEnded;
      case JobWatcher::Outcome::kEvent:
        break;
    }
    const Next next = callbacks_.event ? callbacks_.event(event) : Next::kGoOn;
    if (IsTerminal(event)) {
      result_ = Conclude(event);
      return Outcome::kEnded;
    }
    if (const absl::Status status = Handle(event); !status.ok()) {
      result_ = Annotate(status, job_);
      return Outcome::kEnded;
    }
    if (next == Next::kStop) {
      return Outcome::kStopped;
    }
  }
}

absl::Status JobFollower::Handle(const v1::Event& event) {
  if (event.has_started()) {
    warnings_.assign(event.started().warnings().begin(), event.started().warnings().end());
  } else if (event.has_output()) {
    return Deliver(assembler_.Announce(event.output()));
  } else if (event.has_output_chunk()) {
    return Deliver(assembler_.Add(event.output_chunk()));
  }
  return absl::OkStatus();
}

absl::Status JobFollower::Deliver(const absl::StatusOr<const Output*>& output) {
  if (output.ok() && *output != nullptr && callbacks_.output) {
    callbacks_.output(**output);
  }
  return output.status();
}

absl::StatusOr<Result> JobFollower::Conclude(const v1::Event& terminal) {
  if (terminal.has_failed()) {
    return ToStatus(terminal.failed().status());
  }
  if (terminal.has_cancelled()) {
    return absl::CancelledError(absl::StrCat(job_, " was cancelled (", terminal.cancelled().reason(), ")"));
  }
  absl::StatusOr<std::vector<Output>> outputs = assembler_.Finish();
  if (!outputs.ok()) {
    return Annotate(outputs.status(), job_);
  }
  return Result{job_, *std::move(outputs), terminal.completed().usage(), std::move(warnings_)};
}

}  // namespace latentd::client
