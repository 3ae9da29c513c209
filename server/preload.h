#pragma once

#include <functional>

#include "absl/status/status.h"
#include "server/config/server_options.h"
#include "server/engine/model_registry.h"

namespace latentd {

// Loads what --preload names, and says once, on any thread, how that ended: OK when all is there; the error of the
// first model that was named and cannot be loaded. Of "all", what cannot be loaded is only reported: the rest still
// serves. Nothing is said when the registry goes first. `done` must not block.
void Preload(const config::Preload& preload, engine::ModelRegistry& registry,
             std::function<void(const absl::Status&)> done);

}  // namespace latentd
