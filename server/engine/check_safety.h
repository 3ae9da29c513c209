#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "model/pipeline/diffusion_model.h"

namespace latentd::engine {

// For each picture (uint8 [H, W, 3] on the CPU) whether the model's safety checker takes it for one that is not to be
// shown; none is without a checker. Throws what model/ throws.
std::vector<bool> CheckSafety(const std::vector<at::Tensor>& pictures, const model::DiffusionModel& model);

}  // namespace latentd::engine
