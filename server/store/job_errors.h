#pragma once

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/core/job_store.h"

namespace latentd::store {

// What callers are told of jobs, whatever keeps them.

// UNAVAILABLE (reason DRAINING).
absl::Status DrainingError(absl::Duration retry_after);
// RESOURCE_EXHAUSTED (JOB_TOO_LARGE): it needs so many bytes while it waits, and could never be taken.
absl::Status JobTooLargeError(int64_t bytes, int64_t limit);
// UNAVAILABLE (QUEUE_FULL): so many wait.
absl::Status QueueFullError(int64_t jobs, absl::Duration retry_after);
// RESOURCE_EXHAUSTED (QUOTA_EXCEEDED): `limit` of what `quota` names.
absl::Status QuotaExceededError(const std::string& tenant, const char* quota, int64_t limit,
                                absl::Duration retry_after);
// ALREADY_EXISTS (REQUEST_ID_REUSED): `job` is that of the other request.
absl::Status RequestIdReusedError(const std::string& job);
// FAILED_PRECONDITION (JOB_NOT_ENDED).
absl::Status JobNotEndedError(const std::string& job);
// DEADLINE_EXCEEDED (JOB_TIMEOUT), for a job that was in `state` then.
absl::Status JobTimeoutError(const std::string& job, core::JobState state, absl::Duration timeout);

}  // namespace latentd::store
