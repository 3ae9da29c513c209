#pragma once

#include <nlohmann/json.hpp>
#include <vector>

#include "server/core/model_catalog.h"

namespace latentd::openai {

// A model as that API shows it. When it was made is not known here: 0.
nlohmann::json ShowModel(const core::ModelInfo& model);

// Those that can be used, by name.
nlohmann::json ShowModels(std::vector<core::ModelInfo> models);

}  // namespace latentd::openai
