#include "model/adapters/layer_names.h"

#include <algorithm>

#include "model/adapters/motion_module.h"
#include "model/adapters/original_names.h"
#include "model/weights/key_maps/motion_keys.h"

namespace latentd::model {
namespace {

std::string Flattened(std::string name) {
  std::replace(name.begin(), name.end(), '.', '_');
  return name;
}

// What else a layer is called.
std::map<std::string, std::string> OtherNames(const AdaptableNetwork& network) {
  if (network.name() == "unet") {
    std::vector<std::string> names;
    for (const AdaptableNetwork::Layer& layer : network.layers()) names.push_back(layer.name);
    return OriginalUNetNames(names);
  }
  if (network.name() == kMotionNetwork) {
    std::map<std::string, std::string> others;
    for (const AdaptableNetwork::Layer& layer : network.layers()) others[layer.name] = OriginalMotionLayer(layer.name);
    return others;
  }
  constexpr std::string_view kPrefix = "text_model.";
  std::map<std::string, std::string> others;
  for (const AdaptableNetwork::Layer& layer : network.layers()) {
    if (layer.name.starts_with(kPrefix)) others[layer.name] = layer.name.substr(kPrefix.size());
  }
  return others;
}

}  // namespace

LayerNames::LayerNames(std::span<const AdaptableNetwork* const> networks) {
  for (size_t i = 0; i < networks.size(); ++i) {
    // Keys count motion modules as the U-Net's.
    const bool of_unet = networks[i]->name() == kMotionNetwork;
    Names names{.network = of_unet ? "unet" : networks[i]->name(), .dotted = {}, .flattened = {}};
    const std::map<std::string, std::string> others = OtherNames(*networks[i]);
    for (size_t j = 0; j < networks[i]->layers().size(); ++j) {
      const std::string& name = networks[i]->layers()[j].name;
      const auto other = others.find(name);
      for (const std::string& known : {name, other == others.end() ? name : other->second}) {
        names.dotted.emplace(known, LayerPlace{.network = i, .layer = j});
        names.flattened.emplace(Flattened(known), LayerPlace{.network = i, .layer = j});
      }
    }
    names_.push_back(std::move(names));
  }
}

std::optional<LayerPlace> LayerNames::Find(const LoraKey& key) const {
  for (const Names& names : names_) {
    if (!key.network.empty() && key.network != names.network) continue;
    const ByName& by_name = key.naming == LoraNaming::kDotted ? names.dotted : names.flattened;
    const auto found = by_name.find(key.layer);
    if (found != by_name.end()) return found->second;
  }
  return std::nullopt;
}

}  // namespace latentd::model
