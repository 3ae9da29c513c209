#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <unordered_map>

#include "absl/time/time.h"
#include "tests/bench/fleet/trace.h"

namespace latentd::bench {

// A job, as whoever looks at the whole fleet knows it.
struct Job {
  std::string id;
  Arrival arrival;
  int reader = 0;                     // the replica that its caller is connected to
  int64_t read = 0;                   // the last event that has come there
  std::optional<absl::Time> began{};  // its first stage on a device
  std::optional<absl::Time> ended{};  // for its reader
};

using Jobs = std::unordered_map<std::string, Job>;  // by id

}  // namespace latentd::bench
