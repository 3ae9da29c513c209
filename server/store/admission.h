#pragma once

#include <cstdint>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace latentd::store {

struct AdmissionLimits {
  int max_queued_jobs = 0;
  int64_t max_pending_bytes = 0;
  absl::Duration drain_retry_after{};
};

// Who may join the line. Counts what is in the house; refusing changes nothing. Not thread-safe.
class Admission {
 public:
  explicit Admission(const AdmissionLimits& limits) : limits_(limits) {}

  // Refuses with UNAVAILABLE (reasons DRAINING, QUEUE_FULL; both say when to come back; `until_room` for the latter),
  // or RESOURCE_EXHAUSTED (JOB_TOO_LARGE) what could never be taken. `bytes` is PendingBytes of the request.
  absl::Status Check(int64_t bytes, absl::Duration until_room) const;

  void OnAdmitted(int64_t bytes);
  void OnStarted();
  void OnRequeued();  // what had started waits again
  void OnEnded(bool started, int64_t bytes);
  void Drain() { draining_ = true; }

  int queued() const { return queued_; }
  int running() const { return running_; }

 private:
  const AdmissionLimits limits_;
  bool draining_ = false;
  int queued_ = 0;
  int running_ = 0;
  int64_t pending_bytes_ = 0;
};

}  // namespace latentd::store
