#include "client/cpp/error.h"

#include "absl/strings/cord.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "client/cpp/proto_time.h"

namespace latentd::client {
namespace {

constexpr char kPayload[] = "type.googleapis.com/google.rpc.Status";

ErrorDetails Unpack(const google::rpc::Status& error) {
  ErrorDetails details;
  for (const google::protobuf::Any& any : error.details()) {
    google::rpc::RetryInfo retry;
    if (any.UnpackTo(&retry)) {
      details.retry_after = ToDuration(retry.retry_delay());
    } else if (!any.UnpackTo(&details.info) && !any.UnpackTo(&details.bad_request) && !any.UnpackTo(&details.quota)) {
      any.UnpackTo(&details.resource);
    }
  }
  return details;
}

}  // namespace

absl::Status ToStatus(const google::rpc::Status& error) {
  const bool known = error.code() > 0 && error.code() <= static_cast<int>(absl::StatusCode::kUnauthenticated);
  std::string message = error.message();
  const ErrorDetails details = Unpack(error);
  for (const auto& violation : details.bad_request.field_violations()) {
    // A server may have written them into its message already.
    if (!absl::StrContains(error.message(), violation.field()) ||
        !absl::StrContains(error.message(), violation.description())) {
      absl::StrAppend(&message, "\n  ", violation.field(), violation.field().empty() ? "" : ": ",
                      violation.description());
    }
  }
  for (const auto& violation : details.quota.violations()) {
    if (!absl::StrContains(error.message(), violation.description())) {
      absl::StrAppend(&message, "\n  ", violation.subject(), ": ", violation.description());
    }
  }
  absl::Status status(known ? static_cast<absl::StatusCode>(error.code()) : absl::StatusCode::kUnknown, message);
  status.SetPayload(kPayload, absl::Cord(error.SerializeAsString()));
  return status;
}

std::optional<google::rpc::Status> GetRpcStatus(const absl::Status& status) {
  const absl::optional<absl::Cord> payload = status.GetPayload(kPayload);
  google::rpc::Status error;
  if (!payload.has_value() || !error.ParseFromString(std::string(*payload))) {
    return std::nullopt;
  }
  return error;
}

ErrorDetails GetErrorDetails(const absl::Status& status) {
  const std::optional<google::rpc::Status> error = GetRpcStatus(status);
  return error.has_value() ? Unpack(*error) : ErrorDetails();
}

absl::Status Annotate(const absl::Status& status, absl::string_view prefix) {
  absl::Status annotated(status.code(), absl::StrCat(prefix, ": ", status.message()));
  status.ForEachPayload(
      [&](absl::string_view type, const absl::Cord& payload) { annotated.SetPayload(type, payload); });
  return annotated;
}

}  // namespace latentd::client
