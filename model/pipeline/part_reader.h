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
#include "model/weights/tensor_source.h"

namespace latentd::model {

// A network of a model: its configuration, and its weights, open and checked against it.
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

// Opens the parts of a model, wherever they come from, and collects what is wrong with all of them.
class PartReader {
 public:
  // `path`: the model's folder or file.
  explicit PartReader(std::filesystem::path path) : path_(std::move(path)) {}

  const std::filesystem::path& path() const { return path_; }

  // Runs `read`. False when it threw a ModelError, whose problems are kept behind what the error is about: a file in
  // the folder, or the part that `about` names.
  bool Part(const std::function<void()>& read, const std::string& about = "");

  void AddProblem(std::string_view problem) { problems_.emplace_back(problem); }

  // A network. Null when something is wrong with it. `config` and `weights` may throw ModelError; `about` as in Part.
  template <typename Network, typename Config>
  std::shared_ptr<const Component<Config>> OpenPart(const std::function<Config()>& config,
                                                    const std::function<std::shared_ptr<const TensorSource>()>& weights,
                                                    const LoadOptions& options, const std::string& about = "") {
    auto component = std::make_shared<Component<Config>>();
    component->options = options;
    const bool read = Part([&] { component->config = config(); }, about) &&
                      Part(
                          [&] {
                            component->weights = weights();
                            Network network(component->config, at::TensorOptions().device(at::kMeta));
                            CheckWeights(*network, *component->weights, component->options);
                            for (const at::Tensor& parameter : network->parameters())
                              component->parameters += parameter.numel();
                          },
                          about);
    return read ? component : nullptr;
  }

  // Throws ModelError listing everything that is wrong, if anything is.
  void Finish();

 private:
  const std::filesystem::path path_;
  std::vector<std::string> problems_;
};

}  // namespace latentd::model
