#pragma once

#include <string>

#include "absl/status/status.h"

namespace latentd::engine {

// INVALID_ARGUMENT: why the file that `field` brings along cannot be used. Its header was good when the request came.
absl::Status DamagedInput(const std::string& field, const absl::Status& status);

}  // namespace latentd::engine
