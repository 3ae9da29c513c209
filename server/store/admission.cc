#include "server/store/admission.h"

#include "absl/strings/str_cat.h"
#include "server/core/errors.h"
#include "server/store/job_errors.h"

namespace latentd::store {

absl::Status Admission::Check(int64_t bytes, absl::Duration until_room) const {
  if (draining_) {
    return DrainingError(limits_.drain_retry_after);
  }
  if (bytes > limits_.max_pending_bytes) {
    return JobTooLargeError(bytes, limits_.max_pending_bytes);
  }
  if (queued_ >= limits_.max_queued_jobs) {
    return QueueFullError(queued_, until_room);
  }
  if (pending_bytes_ + bytes > limits_.max_pending_bytes) {
    return core::MakeError(
        absl::StatusCode::kUnavailable,
        absl::StrCat("The queue is full: the jobs in it need ", pending_bytes_, " of ", limits_.max_pending_bytes,
                     " bytes for their pictures, and this one ", bytes, "."),
        {.reason = "QUEUE_FULL", .retry_after = until_room});
  }
  return absl::OkStatus();
}

void Admission::OnAdmitted(int64_t bytes) {
  ++queued_;
  pending_bytes_ += bytes;
}

void Admission::OnStarted() {
  --queued_;
  ++running_;
}

void Admission::OnRequeued() {
  ++queued_;
  --running_;
}

void Admission::OnEnded(bool started, int64_t bytes) {
  --(started ? running_ : queued_);
  pending_bytes_ -= bytes;
}

}  // namespace latentd::store
