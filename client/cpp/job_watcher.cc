#include "client/cpp/job_watcher.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "client/cpp/error.h"

namespace latentd::client {
namespace {

// How a stream that ended without a terminal event failed. The server gives a reason with each of its own errors; what
// comes without one was made on the way (a proxy's timeout, a reset connection), and the stream can be taken up again.
absl::Status AsLoss(const absl::Status& status) {
  if (!GetErrorDetails(status).info.reason().empty()) {
    return status;
  }
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return absl::UnavailableError("the stream ended before the job did");
    case absl::StatusCode::kCancelled:
    case absl::StatusCode::kUnknown:
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kAborted:
    case absl::StatusCode::kInternal:
      return absl::UnavailableError(absl::StrCat("the connection was lost: ", status.message()));
    default:
      return status;
  }
}

}  // namespace

JobWatcher::JobWatcher(v1::ImageGeneration::StubInterface& stub, Waiter& waiter, RetryPolicy policy, Settings settings,
                       std::string job, int64_t after_sequence)
    : stub_(stub),
      waiter_(waiter),
      policy_(std::move(policy)),
      settings_(std::move(settings)),
      job_(std::move(job)),
      last_sequence_(after_sequence) {}

JobWatcher::Outcome JobWatcher::Next(v1::Event& event, const CallOptions& options) {
  while (true) {
    if (options.stop.stop_requested()) {
      return Outcome::kStopped;
    }
    if (waiter_.Now() >= options.deadline) {
      return Outcome::kDeadline;
    }
    if (stream_ == nullptr) {
      v1::WatchJobRequest request;
      request.set_name(job_);
      request.set_after_sequence(last_sequence_);
      stream_ = std::make_unique<EventStream>(stub_, request, settings_.metadata);
    }
    const absl::Duration left = options.deadline - waiter_.Now();
    absl::Status loss;
    switch (stream_->Read(event, std::min(settings_.silence_limit, left), options.stop)) {
      case EventStream::Outcome::kStopped:
        return Outcome::kStopped;
      case EventStream::Outcome::kEvent:
        policy_.Succeeded();
        // A terminal event is the last there is, also when the sequence is behind: a store may come back with less than
        // it had, and a watch may begin beyond the end.
        if (event.sequence() > last_sequence_ || IsTerminal(event)) {
          last_sequence_ = event.sequence();
          return Outcome::kEvent;
        }
        continue;  // A heartbeat, or what a server sent twice.
      case EventStream::Outcome::kSilent:
        if (left <= settings_.silence_limit) {
          return Outcome::kDeadline;
        }
        loss = absl::UnavailableError(absl::StrCat("nothing came for ", absl::FormatDuration(settings_.silence_limit)));
        break;
      case EventStream::Outcome::kEnded:
        loss = AsLoss(stream_->status());
        break;
    }
    stream_.reset();
    if (const std::optional<Outcome> outcome = Recover(loss, options); outcome.has_value()) {
      return *outcome;
    }
  }
}

std::optional<JobWatcher::Outcome> JobWatcher::Recover(const absl::Status& loss, const CallOptions& options) {
  const absl::Time now = waiter_.Now();
  const std::optional<absl::Duration> delay = policy_.NextDelay(loss, now);
  if (!delay.has_value()) {
    status_ = loss;
    return Outcome::kFailed;
  }
  if (settings_.retry) {
    settings_.retry(loss, *delay);
  }
  waiter_.Wait(std::min(*delay, options.deadline - now), options.stop);
  return std::nullopt;
}

bool IsTerminal(const v1::Event& event) { return event.has_completed() || event.has_failed() || event.has_cancelled(); }

}  // namespace latentd::client
