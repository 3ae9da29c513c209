#pragma once

#include <filesystem>
#include <functional>
#include <initializer_list>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "model/config/config_reader.h"
#include "model/pipeline/part_reader.h"
#include "model/weights/open_component.h"
#include "model/weights/renamed_source.h"

namespace latentd::model {

// Reads the parts of a model's folder in diffusers' layout.
class FolderReader : public PartReader {
 public:
  using PartReader::PartReader;

  // Where a component's files are: in its folder, or beside model_index.json as the first checkpoints have it.
  std::filesystem::path PathOf(const std::string& component) const;

  std::filesystem::path SamplerFile() const { return PathOf("scheduler") / "scheduler_config.json"; }

  // Checks what model_index.json says of its components: pairs of library and class.
  void CheckIndex(const std::vector<std::pair<std::string, std::string>>& components,
                  std::initializer_list<std::string> ignored);

  // Which of `choices` model_index.json names as a component's class. Another one becomes a problem, and the first.
  std::string ClassOf(const std::string& component, const std::vector<std::string>& choices);

  // A network's configuration and weights. Null when something is wrong with them. `keys`: from the file's names to the
  // module's.
  template <typename Network, typename Config>
  std::shared_ptr<const Component<Config>> Open(const std::string& name, Config (*read_config)(ConfigReader),
                                                const KeyMap& keys = {}, const LoadOptions& options = {}) {
    const std::filesystem::path folder = PathOf(name);
    const auto open = [&]() -> std::shared_ptr<const TensorSource> {
      const auto weights = OpenComponent(folder);
      return keys ? RenamedSource::Make(weights, keys) : weights;
    };
    return OpenPart<Network, Config>([&] { return read_config(ConfigReader::FromFile(folder / "config.json")); }, open,
                                     options);
  }
};

}  // namespace latentd::model
