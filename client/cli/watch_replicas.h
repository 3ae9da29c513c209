#pragma once

#include <stop_token>

#include "absl/time/time.h"
#include "client/cli/fleet.h"
#include "client/cli/top_output.h"
#include "client/cpp/waiter.h"

namespace latentd::cli {

struct WatchReplicasOptions {
  absl::Duration interval;
  int samples = 0;  // 0: until the stop
};

// Looks at all replicas that there are at once, shows what it sees, and again after each interval, whatever a look
// takes of it. False: none answered the last time.
bool WatchReplicas(Fleet& fleet, const WatchReplicasOptions& options, client::Waiter& waiter,
                   const std::stop_token& stop, TopOutput& output);

}  // namespace latentd::cli
