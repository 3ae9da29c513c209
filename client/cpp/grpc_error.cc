#include "client/cpp/grpc_error.h"

#include "absl/strings/numbers.h"
#include "client/cpp/error.h"
#include "client/cpp/proto_time.h"

namespace latentd::client {
namespace {

// The pushback as gRFC A6 defines it: a number below zero, or none at all, means not to try again.
std::optional<absl::Duration> Pushback(const grpc::ClientContext& context) {
  const auto& metadata = context.GetServerTrailingMetadata();
  const auto found = metadata.find("grpc-retry-pushback-ms");
  if (found == metadata.end()) {
    return std::nullopt;
  }
  int64_t milliseconds = 0;
  if (!absl::SimpleAtoi(absl::string_view(found->second.data(), found->second.size()), &milliseconds)) {
    milliseconds = -1;
  }
  return absl::Milliseconds(milliseconds);
}

}  // namespace

absl::Status ToStatus(const grpc::Status& status, const grpc::ClientContext& context) {
  if (status.ok()) {
    return absl::OkStatus();
  }
  google::rpc::Status error;
  if (!error.ParseFromString(status.error_details())) {
    error.Clear();
  }
  // The call's own code and message win over those of the details.
  error.set_code(status.error_code());
  error.set_message(status.error_message());
  bool has_retry_info = false;
  for (const auto& any : error.details()) {
    has_retry_info = has_retry_info || any.Is<google::rpc::RetryInfo>();
  }
  const std::optional<absl::Duration> pushback = Pushback(context);
  if (pushback.has_value() && !has_retry_info) {
    google::rpc::RetryInfo retry;
    *retry.mutable_retry_delay() = ToProto(*pushback);
    error.add_details()->PackFrom(retry);
  }
  return ToStatus(error);
}

}  // namespace latentd::client
