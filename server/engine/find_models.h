#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <vector>

#include "absl/status/statusor.h"
#include "server/engine/model_registry.h"

namespace latentd::engine {

// The models in `folder`: each subfolder that has a model_index.json or a unet/ is one, named by its folder. Every file
// of it is checked as far as possible without reading weights; what is wrong is the entry's error, and the others still
// serve. Sorted by name.
//
// `options` is the type and device they are to be loaded with. NOT_FOUND when there is no such folder.
absl::StatusOr<std::vector<ModelEntry>> FindModels(const std::filesystem::path& folder,
                                                   const at::TensorOptions& options);

}  // namespace latentd::engine
