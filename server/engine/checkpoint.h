#pragma once

#include <ATen/core/TensorBody.h>

#include <optional>

#include "server/core/checkpoint.h"
#include "server/engine/row.h"
#include "server/engine/row_state.h"

namespace latentd::engine {

// Where the job stands. The engine thread calls both. A row that cannot be saved is left out: it begins anew.
core::Checkpoint CheckpointOf(const RunningJob& job);

// Where another engine left the job's row `index`; empty when it had not begun, or what it left does not fit, which is
// logged: the row then begins anew, and becomes the same picture. `latent_shape`: of one frame, [C, h, w]. REQUIRES:
// the job's rows are being made.
std::optional<RowState> ResumedState(const RunningJob& job, int index, at::IntArrayRef latent_shape);

}  // namespace latentd::engine
