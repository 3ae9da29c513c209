#pragma once

#include <vector>

#include "server/core/generation_request.h"

namespace latentd::core {

// Checks what a request says of its clips, filling in what was left out, whatever the model: `animation`, what they
// become, and what does not go with them.
void CheckAnimation(RequestFields& fields, const RequestLimits& limits, std::vector<FieldViolation>& violations);

}  // namespace latentd::core
