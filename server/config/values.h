#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/strings/string_view.h"
#include "absl/time/time.h"

namespace latentd::config {

// Reading the values of flags. Errors are INVALID_ARGUMENT and say what a right value looks like; the caller adds the
// flag's name.

// "8GiB", "1.5GiB", "512MB", "1000" (bytes). KiB, MiB, GiB, TiB count in 1024; kB, MB, GB, TB in 1000. Not negative.
absl::StatusOr<int64_t> ParseSize(absl::string_view text);

// "1h30m", "90s", "500ms". Positive and finite.
absl::StatusOr<absl::Duration> ParseDuration(absl::string_view text);

// A whole number from `low` to `high`.
absl::StatusOr<int> ParseInt(absl::string_view text, int low, int high);

// "127.0.0.1:50051", "[::1]:50051", "localhost:0".
absl::StatusOr<std::string> ParseAddress(absl::string_view text);

// The candidate that is nearest to `name` by edits, if near enough to be a slip of the hand; else empty.
std::string Nearest(absl::string_view name, const std::vector<std::string>& candidates);

}  // namespace latentd::config
