#pragma once

#include <string>

#include "absl/status/status.h"

namespace latentd::e2e {

// INVALID_ARGUMENT whose only violation is of `field`, and says what.
void ExpectOnlyViolation(const absl::Status& status, const std::string& field);

}  // namespace latentd::e2e
