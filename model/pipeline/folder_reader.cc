#include "model/pipeline/folder_reader.h"

#include "model/errors.h"

namespace latentd::model {

std::filesystem::path FolderReader::PathOf(const std::string& component) const {
  const bool flat = !std::filesystem::exists(path() / component) && std::filesystem::exists(path() / "config.json");
  return flat ? path() : path() / component;
}

void FolderReader::CheckIndex(const std::vector<std::pair<std::string, std::string>>& components,
                              std::initializer_list<std::string> ignored) {
  Part([&] {
    ConfigReader index = ConfigReader::FromFile(path() / "model_index.json");
    for (const auto& [name, wanted] : components) {
      const nlohmann::json& value = index.Raw(name);
      if (!value.is_array() || value.size() != 2 || !value[1].is_string()) {
        index.AddProblem(name, "must be a pair such as [\"diffusers\", \"" + wanted + "\"]");
        continue;
      }
      // Tokenizers come in a fast kind that reads the same files.
      const auto given = value[1].get<std::string>();
      if (given != wanted && given != wanted + "Fast") {
        index.AddProblem(name, std::string(given).append(" is not supported (supported: ").append(wanted).append(")"));
      }
    }
    index.Ignore(ignored);
    index.Finish();
  });
}

std::string FolderReader::ClassOf(const std::string& component, const std::vector<std::string>& choices) {
  std::string found = choices.front();
  Part([&] {
    ConfigReader index = ConfigReader::FromFile(path() / "model_index.json");
    const nlohmann::json& value = index.Raw(component);
    std::string known;
    for (const std::string& choice : choices) {
      if (value.is_array() && value.size() == 2 && value[1] == choice) {
        found = choice;
        return;
      }
      known.append(known.empty() ? "" : ", ").append(choice);
    }
    throw ModelError((path() / "model_index.json").string(),
                     {component + ": " + value.dump() + " is not a pair of a library and one of: " + known});
  });
  return found;
}

}  // namespace latentd::model
