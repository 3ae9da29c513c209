#include "model/adapters/adaptable_network.h"

#include <utility>

namespace latentd::model {

AdaptableNetwork::AdaptableNetwork(std::string name, const torch::nn::Module& network) : name_(std::move(name)) {
  for (const auto& item : network.named_modules(/*name_prefix=*/"", /*include_self=*/false)) {
    if (auto layer = std::dynamic_pointer_cast<const Adaptable>(item.value())) {
      layers_.push_back({.name = item.key(), .layer = std::move(layer)});
    }
  }
}

}  // namespace latentd::model
