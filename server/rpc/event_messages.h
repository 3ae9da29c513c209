#pragma once

#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "latentd/v1/event.pb.h"
#include "server/core/event.h"

namespace latentd::rpc {

// An event of the job `job`, bytes included.
v1::Event ToProto(const std::string& job, const core::Event& event);

// What goes out on a quiet stream.
v1::Event Heartbeat(absl::Time now);

// The status that a call finishes with whose job ended with this event: OK, the job's error, or CANCELLED.
// REQUIRES: event.terminal().
absl::Status FinalStatus(const std::string& job, const core::Event& event);

}  // namespace latentd::rpc
