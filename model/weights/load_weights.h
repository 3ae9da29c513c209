#pragma once

#include <torch/nn/module.h>

#include <functional>
#include <string>

#include "model/weights/tensor_source.h"

namespace latentd::model {

struct LoadOptions {
  // Names of the source that may stand in it although the module has no such parameter (position_ids of old files).
  std::function<bool(const std::string&)> may_ignore = [](const std::string&) { return false; };
};

// Whether `source` fits `module`, by names, shapes and types alone: no data is read, and the module may be one on the
// meta device. Throws ModelError that lists every missing, unexpected, misshapen and non-float tensor at once.
void CheckWeights(torch::nn::Module& module, const TensorSource& source, const LoadOptions& options = {});

// Copies into every parameter and buffer of `module` the tensor of the same name in `source`. Parameters keep their
// type, device and memory format; the copy converts. Modules allocate their parameters without touching the memory
// (model/layers), and the pages of a copied tensor are given back to the system, so the peak is the module itself and
// one tensor.
//
// Throws what CheckWeights throws, before the first tensor is copied. Values are not looked at: a NaN is loaded as it
// is.
void LoadWeights(torch::nn::Module& module, const TensorSource& source, const LoadOptions& options = {});

}  // namespace latentd::model
