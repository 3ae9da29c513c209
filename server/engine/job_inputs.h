#pragma once

#include "absl/status/statusor.h"
#include "model/pipeline/task_inputs.h"
#include "server/core/generation_request.h"

namespace latentd::engine {

// Decodes the pictures of a request and brings them to its size; an outpainting's picture is set into its larger
// canvas, and the mask marks the rest; one that is enlarged keeps its own size, but for what the model cannot take.
// Those of ControlNets are brought to its size, too. INVALID_ARGUMENT names the field of a file that is damaged. Takes
// milliseconds per megapixel: for a worker's thread. Thread-safe.
absl::StatusOr<model::TaskInputs> DecodeTaskInputs(const core::GenerationRequest& request);

}  // namespace latentd::engine
