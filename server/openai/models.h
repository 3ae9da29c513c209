#pragma once

#include <string>
#include <vector>

#include "server/core/model_catalog.h"

namespace latentd::openai {

// A model as that API shows it, in JSON. When it was made is not known here: 0.
std::string ShowModel(const core::ModelInfo& model);

// Those that can be used, by name.
std::string ShowModels(std::vector<core::ModelInfo> models);

}  // namespace latentd::openai
