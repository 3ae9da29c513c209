#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "absl/strings/string_view.h"

namespace latentd::engine {

// Bytes that this process may take: the machine's memory, or what its control groups (those of a container) leave to
// it. 0: nothing is known.
int64_t HostMemory();

// Bytes that weights on the CPU may take when nobody says how many: four fifths of them.
int64_t DefaultHostMemory();

// The parts of it.

// "MemTotal:  16384 kB" of /proc/meminfo.
std::optional<int64_t> ParseMemTotal(absl::string_view meminfo);

// A number of bytes as memory.max (cgroup v2) and memory.limit_in_bytes (v1) have it; "max" is none.
std::optional<int64_t> ParseCgroupLimit(absl::string_view text);

// The lowest limit of the groups that `membership` (/proc/self/cgroup) names and of those above them, as mounted at
// `root` (/sys/fs/cgroup).
std::optional<int64_t> CgroupLimit(const std::filesystem::path& root, absl::string_view membership);

}  // namespace latentd::engine
