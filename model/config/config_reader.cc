#include "model/config/config_reader.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string_view>
#include <utility>

#include "model/errors.h"

namespace latentd::model {
namespace {

constexpr uintmax_t kMaxConfigBytes = 4 << 20;

// Python's json module writes infinities bare (`"lambda_min_clipped": -Infinity` of diffusers), which is not JSON: they
// become the strings "Infinity" and "-Infinity".
std::string QuoteInfinities(std::string_view text) {
  std::string quoted;
  bool in_string = false;
  for (size_t i = 0; i < text.size(); ++i) {
    if (!in_string) {
      for (const std::string_view word : {"-Infinity", "Infinity"}) {
        if (text.substr(i).starts_with(word)) {
          quoted.append(1, '"').append(word).append(1, '"');
          i += word.size();
          break;
        }
      }
      if (i == text.size()) break;
    }
    if (text[i] == '"') in_string = !in_string;
    quoted += text[i];
    if (in_string && text[i] == '\\' && i + 1 < text.size()) quoted += text[++i];
  }
  return quoted;
}

}  // namespace

ConfigReader ConfigReader::FromFile(const std::filesystem::path& file) {
  std::error_code error;
  const uintmax_t size = std::filesystem::file_size(file, error);
  if (error) throw ModelError(file.string(), {"cannot be read: " + error.message()});
  if (size > kMaxConfigBytes) throw ModelError(file.string(), {"is larger than 4 MiB"});
  std::ifstream stream(file);
  const std::string text{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
  nlohmann::json document = nlohmann::json::parse(QuoteInfinities(text), nullptr, /*allow_exceptions=*/false);
  if (document.is_discarded()) throw ModelError(file.string(), {"is not valid JSON"});
  if (!document.is_object()) throw ModelError(file.string(), {"is not a JSON object"});
  return ConfigReader(file.string(), std::move(document));
}

ConfigReader::ConfigReader(std::string where, nlohmann::json object)
    : where_(std::move(where)), object_(std::move(object)) {}

int64_t ConfigReader::GetCount(const std::string& key, int64_t fallback) {
  const int64_t value = Get<int64_t>(key, fallback);
  if (value >= 1 && value <= kMaxCount) return value;
  AddProblem(key, "must be between 1 and " + std::to_string(kMaxCount));
  return 1;
}

std::string ConfigReader::GetChoice(const std::string& key, const std::string& fallback,
                                    std::initializer_list<std::string> choices) {
  std::string value = Get<std::string>(key, fallback);
  if (std::find(choices.begin(), choices.end(), value) != choices.end()) return value;
  std::string known;
  for (const std::string& choice : choices) known += (known.empty() ? "" : ", ") + choice;
  AddProblem(key, "'" + value + "' is not supported (supported: " + known + ")");
  return fallback;
}

void ConfigReader::Only(const std::string& key, const nlohmann::json& supported) {
  used_.insert(key);
  if (Has(key) && object_[key] != supported) {
    AddProblem(key, object_[key].dump() + " is not supported (only " + supported.dump() + " is)");
  }
}

void ConfigReader::Supply(const std::string& key, nlohmann::json value) {
  if (object_.contains(key)) AddProblem(key, "unknown field");
  object_[key] = std::move(value);
}

const nlohmann::json& ConfigReader::Raw(const std::string& key) {
  static const nlohmann::json absent;
  used_.insert(key);
  const auto found = object_.find(key);
  return found == object_.end() ? absent : *found;
}

void ConfigReader::Finish() {
  for (const auto& [key, value] : object_.items()) {
    if (!key.starts_with('_') && !used_.contains(key)) AddProblem(key, "unknown field");
  }
  if (!problems_.empty()) throw ModelError(where_, std::exchange(problems_, {}));
}

}  // namespace latentd::model
