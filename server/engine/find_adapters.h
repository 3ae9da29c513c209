#pragma once

#include <filesystem>
#include <vector>

#include "absl/status/statusor.h"
#include "server/engine/adapter_registry.h"

namespace latentd::engine {

// The adapters in `folder`: each .safetensors file, named without its ending, and each subfolder with a config.json,
// named by the folder. What a file is is told by its tensors. Pickled files (.pt, .bin, .pth, .ckpt) are adapters whose
// error names deploy/convert.py. What is wrong with one is its error, and the others still serve. Sorted by name. A
// subfolder `image_encoder` is none: it is a part of the IP-Adapters beside it.
//
// `element_bytes` is the size of a weight on the device. NOT_FOUND when there is no such folder.
absl::StatusOr<std::vector<AdapterEntry>> FindAdapters(const std::filesystem::path& folder, size_t element_bytes);

}  // namespace latentd::engine
