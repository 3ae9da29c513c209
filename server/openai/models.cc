#include "server/openai/models.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

namespace latentd::openai {
namespace {

using nlohmann::json;

json Show(const core::ModelInfo& model) {
  return {{"id", model.name}, {"object", "model"}, {"created", 0}, {"owned_by", "latentd"}};
}

// A folder's name may be anything, UTF-8 or not.
std::string Text(const json& shown) { return shown.dump(-1, ' ', false, json::error_handler_t::replace); }

}  // namespace

std::string ShowModel(const core::ModelInfo& model) { return Text(Show(model)); }

std::string ShowModels(std::vector<core::ModelInfo> models) {
  std::sort(models.begin(), models.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  json data = json::array();
  for (const core::ModelInfo& model : models) {
    if (model.state != core::ModelState::kBroken) data.push_back(Show(model));
  }
  return Text({{"object", "list"}, {"data", std::move(data)}});
}

}  // namespace latentd::openai
