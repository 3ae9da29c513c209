#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "server/core/generation_request.h"

namespace latentd::core {

// What a caller's program can act on, beside the code and the text of an error. It travels in the status as a payload
// and becomes google.rpc details in server/rpc, the only place that knows those.
struct ErrorDetails {
  std::string reason{};                           // stable, such as "QUEUE_FULL": google.rpc.ErrorInfo.reason
  std::map<std::string, std::string> metadata{};  // ErrorInfo.metadata
  std::optional<absl::Duration> retry_after{};    // RetryInfo, and gRPC's pushback
  std::string resource_type{};                    // ResourceInfo: "model", "job", "adapter", "blob"
  std::string resource_name{};
  std::string quota{};                       // QuotaFailure: which limit
  std::vector<FieldViolation> violations{};  // BadRequest
};

// REQUIRES: code is not kOk; details.reason is not empty.
absl::Status MakeError(absl::StatusCode code, std::string_view message, const ErrorDetails& details);

// INVALID_ARGUMENT with these violations. REQUIRES: there are some.
absl::Status BadRequest(std::vector<FieldViolation> violations);

// CANCELLED, as every reader of a cancelled job is told it: reason JOB_CANCELLED, with the job's name and why
// ("CALLER", "CALLER_GONE", "DRAINED") in the metadata.
absl::Status JobCancelledError(const std::string& job, const std::string& reason);

// NOT_FOUND (reason JOB_NOT_FOUND), for a job that never was, is no longer kept, or is another tenant's.
absl::Status JobNotFoundError(const std::string& job);

// FAILED_PRECONDITION (reason OUTPUT_NOT_READY) and NOT_FOUND (OUTPUT_NOT_FOUND).
absl::Status OutputNotReadyError(const std::string& job, int index);
absl::Status OutputNotFoundError(const std::string& job, int index);

// The details of `status`; an empty reason when it carries none.
ErrorDetails GetErrorDetails(const absl::Status& status);

}  // namespace latentd::core
