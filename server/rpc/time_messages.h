#pragma once

#include <google/protobuf/duration.pb.h>
#include <google/protobuf/timestamp.pb.h>

#include <optional>

#include "absl/time/time.h"

namespace latentd::rpc {

// Times and durations, there and back. What protobuf cannot hold (infinities, ten thousand years) becomes its limit.
google::protobuf::Duration ToProto(absl::Duration duration);
google::protobuf::Timestamp ToProto(absl::Time time);

// Nothing when the message is not valid: nanoseconds out of range or of another sign, or beyond protobuf's limits.
std::optional<absl::Duration> FromProto(const google::protobuf::Duration& duration);
std::optional<absl::Time> FromProto(const google::protobuf::Timestamp& time);

}  // namespace latentd::rpc
