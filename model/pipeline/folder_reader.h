#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "model/config/config_reader.h"
#include "model/weights/load_weights.h"
#include "model/weights/open_component.h"
#include "model/weights/renamed_source.h"
#include "model/weights/tensor_source.h"

namespace latentd::model {

// A network of a model's folder: its configuration, and its weights, open and checked against it.
template <typename Config>
struct Component {
  Config config;
  std::shared_ptr<const TensorSource> weights;  // names are those of the network's modules
  LoadOptions options;
  int64_t parameters = 0;

  // Reads the weights. Throws ModelError.
  template <typename Network>
  Network Load(const at::TensorOptions& tensors) const {
    Network network(config, tensors);
    LoadWeights(*network, *weights, options);
    return network;
  }
};

// Reads the parts of a model's folder in diffusers' layout and collects what is wrong with all of them.
class FolderReader {
 public:
  explicit FolderReader(std::filesystem::path path) : path_(std::move(path)) {}

  const std::filesystem::path& path() const { return path_; }

  // Where a component's files are: in its folder, or beside model_index.json as the first checkpoints have it.
  std::filesystem::path PathOf(const std::string& component) const;

  std::filesystem::path SamplerFile() const { return PathOf("scheduler") / "scheduler_config.json"; }

  // Runs `read`. False when it threw a ModelError, whose problems are kept.
  bool Part(const std::function<void()>& read);

  void AddProblem(std::string_view problem) { problems_.emplace_back(problem); }

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
    auto component = std::make_shared<Component<Config>>();
    component->options = options;
    const std::filesystem::path folder = PathOf(name);
    const bool read =
        Part([&] { component->config = read_config(ConfigReader::FromFile(folder / "config.json")); }) && Part([&] {
          component->weights = OpenComponent(folder);
          if (keys) component->weights = RenamedSource::Make(component->weights, keys);
          Network network(component->config, at::TensorOptions().device(at::kMeta));
          CheckWeights(*network, *component->weights, component->options);
          for (const at::Tensor& parameter : network->parameters()) component->parameters += parameter.numel();
        });
    return read ? component : nullptr;
  }

  // Throws ModelError listing everything that is wrong, if anything is.
  void Finish();

 private:
  const std::filesystem::path path_;
  std::vector<std::string> problems_;
};

}  // namespace latentd::model
