#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "client/cli/replica.h"

namespace latentd::cli {

struct ScreenSize {
  int columns = 80;
  int lines = 24;
};

// A table with a line for each replica and one for all, and below it why replicas are away. As many columns as fit are
// shown, and no line is longer; what has no room below is counted. With `colour` the lines hold ANSI sequences.
std::vector<std::string> TopScreen(const std::vector<ReplicaSample>& samples, absl::Time now, ScreenSize size,
                                   bool colour);

// The sums of all replicas as one line without an end, with the names of those that do not serve.
std::string TopLine(const std::vector<ReplicaSample>& samples, absl::Time now);

// {"time": …, "replicas": [{"server", "state", "rowsPerStep", and "stats" (latentd.v1.Stats) or "error"
// (google.rpc.Status)}, …]}
std::string TopJson(const std::vector<ReplicaSample>& samples, absl::Time now);

}  // namespace latentd::cli
