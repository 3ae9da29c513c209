#include "model/adapters/lora_scaling.h"

#include <cmath>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "model/errors.h"
#include "model/weights/mapped_file.h"

namespace latentd::model {
namespace {

constexpr char kName[] = "lora_adapter_metadata";

// The JSON of a safetensors file that was checked before.
nlohmann::json HeaderOf(const std::filesystem::path& file) {
  const MappedFile mapped(file);
  uint64_t length = 0;
  std::memcpy(&length, mapped.bytes().data(), sizeof(length));  // little-endian
  return nlohmann::json::parse(mapped.bytes().substr(sizeof(length), length));
}

bool IsRegularExpression(std::string_view pattern) { return pattern.find_first_of("\\*+?()[]{}|$") != pattern.npos; }

std::vector<std::string> CheckFields(const nlohmann::json& fields) {
  std::vector<std::string> problems;
  for (const auto& [key, value] : fields.items()) {
    const std::string where = std::string(kName) + ": " + key;
    if (key.ends_with("lora_alpha") && !value.is_number()) problems.push_back(where + ": is not a number");
    if (key.ends_with("use_rslora") && !value.is_boolean()) problems.push_back(where + ": is not true or false");
    if (!key.ends_with("alpha_pattern")) continue;
    if (!value.is_object()) {
      problems.push_back(where + ": is not an object");
      continue;
    }
    for (const auto& [pattern, alpha] : value.items()) {
      if (!alpha.is_number()) problems.push_back(where + ": '" + pattern + "' is not given a number");
      if (IsRegularExpression(pattern)) {
        problems.push_back(where + ": '" + pattern + "' is a regular expression, which is not supported");
      }
    }
  }
  return problems;
}

// Whether PEFT's pattern means the layer: its name, or the end of it; all of it after '^'.
bool Matches(std::string_view pattern, std::string_view layer) {
  if (pattern.starts_with('^')) return layer == pattern.substr(1);
  if (!layer.ends_with(pattern)) return false;
  layer.remove_suffix(pattern.size());
  return layer.empty() || layer.ends_with('.');
}

}  // namespace

LoraScaling LoraScaling::FromFile(const std::filesystem::path& file) {
  LoraScaling scaling;
  scaling.fields_ = nlohmann::json::object();
  const nlohmann::json header = HeaderOf(file);
  const auto metadata = header.find("__metadata__");
  if (metadata == header.end() || !metadata->contains(kName)) return scaling;
  scaling.fields_ = nlohmann::json::parse(metadata->at(kName).get<std::string>(), /*cb=*/nullptr,
                                          /*allow_exceptions=*/false);
  if (!scaling.fields_.is_object()) throw ModelError(file.string(), {std::string(kName) + ": is not a JSON object"});
  std::vector<std::string> problems = CheckFields(scaling.fields_);
  if (!problems.empty()) throw ModelError(file.string(), std::move(problems));
  return scaling;
}

std::optional<double> LoraScaling::ScaleOf(const std::string& network, const std::string& layer, int64_t rank) const {
  // Files of one network need not name it.
  const auto find = [&](const char* field) {
    const auto named = fields_.find(network + "." + field);
    return named != fields_.end() ? named : fields_.find(field);
  };
  const auto common = find("lora_alpha");
  if (common == fields_.end()) return std::nullopt;
  auto alpha = common->get<double>();
  if (const auto patterns = find("alpha_pattern"); patterns != fields_.end()) {
    for (const auto& [pattern, value] : patterns->items()) {
      if (!Matches(pattern, layer)) continue;
      alpha = value.get<double>();
      break;
    }
  }
  const auto by_root = find("use_rslora");
  const auto divisor = static_cast<double>(rank);
  return alpha / (by_root != fields_.end() && by_root->get<bool>() ? std::sqrt(divisor) : divisor);
}

}  // namespace latentd::model
