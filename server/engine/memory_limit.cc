#include "server/engine/memory_limit.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace latentd::engine {
namespace {

namespace fs = std::filesystem;

std::string Read(const fs::path& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

std::optional<int64_t> Lesser(std::optional<int64_t> a, std::optional<int64_t> b) {
  return a && b ? std::min(a, b) : a ? a : b;
}

// Of a group and those above it. In a container the group's path may be that of the host, where nothing is mounted.
std::optional<int64_t> LimitUpwards(const fs::path& root, absl::string_view group, const char* file) {
  std::optional<int64_t> limit;
  for (fs::path path = fs::path(std::string(group)).relative_path();; path = path.parent_path()) {
    limit = Lesser(limit, ParseCgroupLimit(Read(root / path / file)));
    if (path.empty()) return limit;
  }
}

}  // namespace

int64_t HostMemory() {
  const auto limit =
      Lesser(ParseMemTotal(Read("/proc/meminfo")), CgroupLimit("/sys/fs/cgroup", Read("/proc/self/cgroup")));
  return limit.value_or(0);
}

int64_t DefaultHostMemory() { return HostMemory() / 5 * 4; }

std::optional<int64_t> ParseMemTotal(absl::string_view meminfo) {
  for (absl::string_view line : absl::StrSplit(meminfo, '\n')) {
    int64_t kilobytes = 0;
    if (absl::ConsumePrefix(&line, "MemTotal:") && absl::ConsumeSuffix(&line, "kB") &&
        absl::SimpleAtoi(line, &kilobytes)) {
      return kilobytes * 1024;
    }
  }
  return std::nullopt;
}

std::optional<int64_t> ParseCgroupLimit(absl::string_view text) {
  int64_t bytes = 0;
  if (!absl::SimpleAtoi(text, &bytes) || bytes <= 0) return std::nullopt;
  return bytes;
}

std::optional<int64_t> CgroupLimit(const fs::path& root, absl::string_view membership) {
  std::optional<int64_t> limit;
  for (const absl::string_view line : absl::StrSplit(membership, '\n')) {
    // "0::/group" of v2, "7:cpu,memory:/group" of v1.
    const std::vector<absl::string_view> parts = absl::StrSplit(line, absl::MaxSplits(':', 2));
    if (parts.size() < 3) continue;
    if (parts[1].empty()) {
      limit = Lesser(limit, LimitUpwards(root, parts[2], "memory.max"));
    } else if (const std::vector<absl::string_view> controllers = absl::StrSplit(parts[1], ',');
               std::find(controllers.begin(), controllers.end(), "memory") != controllers.end()) {
      limit = Lesser(limit, LimitUpwards(root / "memory", parts[2], "memory.limit_in_bytes"));
    }
  }
  return limit;
}

}  // namespace latentd::engine
