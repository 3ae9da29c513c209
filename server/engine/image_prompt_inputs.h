#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

#include "absl/status/statusor.h"
#include "server/core/adapter.h"
#include "server/core/generation_request.h"

namespace latentd::engine {

// Pixels along both edges of the pictures that the request's image prompts become, in order. REQUIRES: the catalog has
// their adapters.
std::vector<int> ImagePromptSizes(const core::GenerationRequest& request, const core::AdapterCatalog* catalog);

// Decodes the pictures of a request's image prompts and brings each to its adapter's size: uint8 [S, S, 3].
// INVALID_ARGUMENT names the field of a file that is damaged. Takes milliseconds per megapixel: for a worker's thread.
// Thread-safe. REQUIRES: `sizes` has one entry for each.
absl::StatusOr<std::vector<at::Tensor>> DecodeImagePrompts(const core::GenerationRequest& request,
                                                           const std::vector<int>& sizes);

}  // namespace latentd::engine
