#pragma once

#include <string>

#include "absl/status/statusor.h"

namespace latentd::rpc {

// The model's name without "models/", the name of a job as it is. INVALID_ARGUMENT names `field` when it is empty, too
// long or not of that form.
absl::StatusOr<std::string> ReadModelName(const std::string& field, const std::string& name);
absl::StatusOr<std::string> ReadJobName(const std::string& field, const std::string& name);

}  // namespace latentd::rpc
