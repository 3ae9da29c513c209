#pragma once

#include "absl/status/status.h"
#include "model/pipeline/diffusion_model.h"
#include "server/core/model_catalog.h"

namespace latentd::engine {

// Takes one step of denoising with a model that is on the device, of the smallest picture that it makes and without
// words: whether the device still computes. An error when something throws, or the step gives NaN or infinite values.
// Leaves nothing behind: no cache and no figure knows of it. To be called on the engine thread.
absl::Status RunCanary(const core::ModelInfo& info, model::DiffusionModel& model);

}  // namespace latentd::engine
