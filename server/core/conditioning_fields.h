#pragma once

#include <vector>

#include "server/core/generation_request.h"
#include "server/core/model_catalog.h"

namespace latentd::core {

// Checks of fields that only some models take, filling in what was left out.

// The prompts of a second text encoder.
void CheckSecondPrompts(const RequestFields& fields, const ModelInfo& model, std::vector<FieldViolation>& violations);

// What the model is told of the picture's size. Once the size is known: REQUIRES: fields.width and height are set.
void CheckSizeConditioning(RequestFields& fields, const ModelInfo& model, std::vector<FieldViolation>& violations);

}  // namespace latentd::core
