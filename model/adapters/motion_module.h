#pragma once

#include <ATen/core/Generator.h>
#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <utility>

#include "model/adapters/adaptable_network.h"
#include "model/adapters/adapter.h"
#include "model/unet/motion_adapter.h"
#include "model/unet/unet_config.h"

namespace latentd::model {

// How a LoRA's changes of motion modules are called (AdaptableNetwork::name). Files call them layers of the U-Net.
inline constexpr char kMotionNetwork[] = "motion";

// Motion modules for the U-Net of one model.
class MotionModule : public Adapter {
 public:
  explicit MotionModule(MotionAdapter network) : network_(std::move(network)), layers_(kMotionNetwork, *network_) {}

  int64_t memory_bytes() const override;

  const MotionAdapterImpl& network() const { return *network_; }
  const AdaptableNetwork& layers() const { return layers_; }

  // The noise that a clip begins with, of the noise drawn for its frames ([C, F, h, w]): see ShuffleNoise.
  at::Tensor BeginNoise(const at::Tensor& noise, at::Generator& generator) const;

 private:
  const MotionAdapter network_;
  const AdaptableNetwork layers_;
};

// Reads a safetensors file of motion modules for a U-Net, to where `options` say, in their type: diffusers'
// MotionAdapter (with its config.json beside it where there is one) or AnimateDiff's own layout, of any version. What
// the file has is told by its tensors. Positions of the latter are computed, as diffusers does it.
//
// Throws ModelError listing what is wrong with it, or does not fit the U-Net.
std::shared_ptr<const MotionModule> ReadMotionModule(const std::filesystem::path& file, const UNetConfig& unet,
                                                     const at::TensorOptions& options);

// The layers of any motion modules for a U-Net, by name, shape and type alone, for the LoRAs that change them: these
// load without knowing which modules they will meet. Modules without a middle block have all layers but the last ones.
std::unique_ptr<const AdaptableNetwork> MotionLayers(const UNetConfig& unet, const at::TensorOptions& options);

}  // namespace latentd::model
