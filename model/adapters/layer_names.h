#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "model/adapters/adaptable_network.h"
#include "model/adapters/lora_key.h"

namespace latentd::model {

// Which layer of which network.
struct LayerPlace {
  size_t network = 0;  // of those that LayerNames was made for
  size_t layer = 0;

  auto operator<=>(const LayerPlace&) const = default;
};

// Finds the layers that the keys of LoRA files mean. A layer of a U-Net is also known by its name in the original
// layout
// (`input_blocks.1.1…`, as kohya's trainers write it for Stable Diffusion XL), one of a motion module by that of
// AnimateDiff, one of a text encoder also without `text_model.`.
class LayerNames {
 public:
  explicit LayerNames(std::span<const AdaptableNetwork* const> networks);

  // Nothing when there is no such layer.
  std::optional<LayerPlace> Find(const LoraKey& key) const;

 private:
  // By network; then by name, dots for kDotted and underscores for kFlattened.
  using ByName = std::map<std::string, LayerPlace, std::less<>>;
  struct Names {
    std::string network;
    ByName dotted, flattened;
  };
  std::vector<Names> names_;
};

}  // namespace latentd::model
