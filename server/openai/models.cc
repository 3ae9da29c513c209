#include "server/openai/models.h"

#include <algorithm>

namespace latentd::openai {

nlohmann::json ShowModel(const core::ModelInfo& model) {
  return {{"id", model.name}, {"object", "model"}, {"created", 0}, {"owned_by", "latentd"}};
}

nlohmann::json ShowModels(std::vector<core::ModelInfo> models) {
  std::sort(models.begin(), models.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  nlohmann::json data = nlohmann::json::array();
  for (const core::ModelInfo& model : models) {
    if (model.state != core::ModelState::kBroken) data.push_back(ShowModel(model));
  }
  return {{"object", "list"}, {"data", std::move(data)}};
}

}  // namespace latentd::openai
