#pragma once

#include <ATen/core/TensorBody.h>

#include <vector>

#include "absl/status/statusor.h"
#include "server/config/server_options.h"
#include "server/engine/find_adapters.h"
#include "server/engine/find_models.h"

namespace latentd {

// The models of --models, or those that ship with the program; each is logged. Errors: the folder cannot be read, or
// --preload names one that is not there.
absl::StatusOr<std::vector<engine::ModelEntry>> FindModels(const config::ServerOptions& options,
                                                           const at::TensorOptions& tensors);

// The same of --adapters.
absl::StatusOr<std::vector<engine::AdapterEntry>> FindAdapters(const config::ServerOptions& options,
                                                               const at::TensorOptions& tensors);

}  // namespace latentd
