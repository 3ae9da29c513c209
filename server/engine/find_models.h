#pragma once

#include <ATen/core/Tensor.h>

#include <filesystem>
#include <vector>

#include "absl/status/statusor.h"
#include "model/pipeline/model_folder.h"
#include "server/engine/model_registry.h"

namespace latentd::engine {

// The models in `folder`: each subfolder that has a model_index.json or a unet/ is one, named by its folder, and so is
// each `.safetensors` file, named by it without the extension. Every file is checked as far as possible without reading
// weights; what is wrong, or what else than a model a file is, is the entry's error, and the others still serve.
// Pickled checkpoints (`.ckpt`, `.pt`, `.pth`, `.bin`) are entries whose error names deploy/convert.py. Sorted by name.
//
// `options` is the type and device they are to be loaded with; `parts` says what of them is left out. NOT_FOUND when
// there is no such folder.
absl::StatusOr<std::vector<ModelEntry>> FindModels(const std::filesystem::path& folder,
                                                   const at::TensorOptions& options,
                                                   const model::OptionalParts& parts = {});

}  // namespace latentd::engine
