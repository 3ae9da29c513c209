#pragma once

#include <vector>

#include "server/core/generation_request.h"

namespace latentd::core {

// Checks the boxes of a picture from boxes and their phrases, and fills in what was left out. REQUIRES: fields.task is
// kBoxesToImage.
void CheckBoxes(RequestFields& fields, std::vector<FieldViolation>& violations);

}  // namespace latentd::core
