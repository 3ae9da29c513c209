#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>

namespace latentd::model {

// The JSON object in `file`. Throws ModelError when it cannot be read, is over 16 MiB, or is not a JSON object.
nlohmann::json ReadJsonObject(const std::filesystem::path& file);

}  // namespace latentd::model
