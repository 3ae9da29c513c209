#pragma once

#include <torch/nn/module.h>

#include <memory>
#include <string>
#include <vector>

#include "model/layers/adaptable.h"

namespace latentd::model {

// The layers of a network that LoRAs may change, in the order in which they are registered: two networks of one
// configuration have the same. Immutable. Shares the layers with the network.
class AdaptableNetwork {
 public:
  struct Layer {
    std::string name;  // its module's: "mid_block.attentions.0.proj_in"
    std::shared_ptr<const Adaptable> layer;
  };

  // `name` is how the keys of LoRA files call the network: "unet", "text_encoder", "text_encoder_2".
  AdaptableNetwork(std::string name, const torch::nn::Module& network);

  const std::string& name() const { return name_; }
  const std::vector<Layer>& layers() const { return layers_; }

 private:
  const std::string name_;
  std::vector<Layer> layers_;
};

}  // namespace latentd::model
