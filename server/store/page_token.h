#pragma once

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "server/core/job_store.h"

namespace latentd::store {

// A place in a list, opaque to callers and good as long as they ask for the same states and labels: the serial of the
// last job that was listed.
std::string MakePageToken(int64_t last_serial, const core::ListOptions& options);

// INVALID_ARGUMENT when the token was not made for these options.
absl::StatusOr<int64_t> ReadPageToken(const core::ListOptions& options);

}  // namespace latentd::store
