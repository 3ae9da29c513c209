#include "server/store/job_errors.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/string_view.h"
#include "server/core/errors.h"

namespace latentd::store {

using core::MakeError;

absl::Status DrainingError(absl::Duration retry_after) {
  return MakeError(absl::StatusCode::kUnavailable, "The server is stopping and takes no new jobs.",
                   {.reason = "DRAINING", .retry_after = retry_after});
}

absl::Status JobTooLargeError(int64_t bytes, int64_t limit) {
  return core::MakeError(absl::StatusCode::kResourceExhausted,
                         absl::StrCat("The job needs ", bytes, " bytes for its pictures, more than the ", limit,
                                      " that this server allows: ask for fewer or smaller ones."),
                         {.reason = "JOB_TOO_LARGE", .quota = "bytes of pending jobs"});
}

absl::Status QueueFullError(int64_t jobs, absl::Duration retry_after) {
  return MakeError(absl::StatusCode::kUnavailable, absl::StrCat("The queue is full: ", jobs, " jobs are waiting."),
                   {.reason = "QUEUE_FULL", .retry_after = retry_after});
}

absl::Status QuotaExceededError(const std::string& tenant, const char* quota, int64_t limit,
                                absl::Duration retry_after) {
  return MakeError(
      absl::StatusCode::kResourceExhausted,
      absl::StrCat("The quota of ", limit, " ", quota, tenant.empty() ? "" : " of the tenant ", tenant, " is used up."),
      {.reason = "QUOTA_EXCEEDED",
       .metadata = {{"quota", quota}, {"limit", absl::StrCat(limit)}},
       .retry_after = retry_after,
       .quota = quota});
}

absl::Status RequestIdReusedError(const std::string& job) {
  return MakeError(absl::StatusCode::kAlreadyExists,
                   absl::StrCat("request_id was used for another request, that of ", job, "."),
                   {.reason = "REQUEST_ID_REUSED", .resource_type = "job", .resource_name = job});
}

absl::Status JobNotEndedError(const std::string& job) {
  return MakeError(absl::StatusCode::kFailedPrecondition, "The job has not ended: cancel it first.",
                   {.reason = "JOB_NOT_ENDED", .resource_type = "job", .resource_name = job});
}

absl::Status JobTimeoutError(const std::string& job, core::JobState state, absl::Duration timeout) {
  const absl::string_view where = state == core::JobState::kRunning ? "running" : "waiting";
  return MakeError(
      absl::StatusCode::kDeadlineExceeded,
      absl::StrCat("The job was still ", where, " after its timeout of ", absl::FormatDuration(timeout), "."),
      {.reason = "JOB_TIMEOUT", .metadata = {{"job", job}}});
}

}  // namespace latentd::store
