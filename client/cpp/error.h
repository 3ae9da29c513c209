#pragma once

#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace latentd::client {

// What a server says about an error beside its code and message (AIP-193). Empty messages were not sent.
struct ErrorDetails {
  google::rpc::ErrorInfo info;  // its reason is stable: "QUEUE_FULL", "INVALID_REQUEST" …
  google::rpc::BadRequest bad_request;
  google::rpc::QuotaFailure quota;
  google::rpc::ResourceInfo resource;
  // The server asks for a pause of this length before the next try; negative: do not try again.
  std::optional<absl::Duration> retry_after;
};

// The error as a status: the code, the message with one further line for each violation of a field or quota ("
// spec.steps: must be …"), and the whole of `error` as a payload. A code that gRPC does not know, OK among them,
// becomes UNKNOWN.
absl::Status ToStatus(const google::rpc::Status& error);

// The error as it was sent; nothing when `status` did not come from a server.
std::optional<google::rpc::Status> GetRpcStatus(const absl::Status& status);

// The details that `status` carries; all empty when it carries none.
ErrorDetails GetErrorDetails(const absl::Status& status);

// The same error with `prefix` and ": " before its message; the details stay.
absl::Status Annotate(const absl::Status& status, absl::string_view prefix);

}  // namespace latentd::client
