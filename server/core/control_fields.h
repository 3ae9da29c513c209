#pragma once

#include <string>
#include <vector>

#include "server/core/adapter.h"
#include "server/core/generation_request.h"

namespace latentd::core {

// The share of the steps in which a ControlNet acts. `field`: the path of its message.
void CheckControlRange(const std::string& field, const AdapterUse& control, std::vector<FieldViolation>& violations);

// Whether the request's task takes ControlNets, and their pictures fit: none is a latent, and those that are not to be
// fitted have the size of the request's. REQUIRES: fields.task, and the size, are filled in.
void CheckControls(const RequestFields& fields, std::vector<FieldViolation>& violations);

}  // namespace latentd::core
