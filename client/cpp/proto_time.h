#pragma once

#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"
#include "google/protobuf/timestamp.pb.h"

namespace latentd::client {

// Protobuf's times as Abseil's. Durations beyond protobuf's 10,000 years are cut to them.

absl::Duration ToDuration(const google::protobuf::Duration& duration);
google::protobuf::Duration ToProto(absl::Duration duration);
absl::Time ToTime(const google::protobuf::Timestamp& timestamp);

}  // namespace latentd::client
