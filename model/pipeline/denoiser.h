#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

#include "model/adapters/adaptable_network.h"
#include "model/adapters/controlnet.h"
#include "model/adapters/image_prompt_scope.h"
#include "model/adapters/lora_scope.h"
#include "model/adapters/motion_module.h"
#include "model/layers/context.h"
#include "model/pipeline/size_condition.h"
#include "model/unet/grounding.h"
#include "model/unet/unet.h"

namespace latentd::model {

// The lanes of one forward. Of clips, L counts frames, one clip after the other.
struct Lanes {
  at::Tensor samples;          // [L, C, h, w] float32 on the model's device
  at::Tensor timesteps;        // [L] float32 on the CPU, where their embedding is made: no round trip to the device
  at::Tensor guidance;         // [L] float64 on the CPU: guidance scales, for networks that embed them
  Context context;             // empty for unconditional networks
  std::vector<LoraSet> loras;  // [L], of clips [L / frames]; or empty: no lane has one
  at::Tensor pooled{};         // [L, P] on the model's device; undefined when the conditioner gives none
  std::vector<SizeCondition> sizes{};    // L of them
  at::Tensor class_labels{};             // int64 [L] on the CPU; undefined for networks that are told no class
  const MotionModule* motion = nullptr;  // of clips
  int64_t frames = 1;
  std::vector<ControlSet> controls{};  // [L], of clips [L / frames]; or empty: no lane has one
  // For each entry of `context`, of each of its lanes; or empty: these lanes are not grounded, as clips never are.
  std::vector<std::vector<const Grounding*>> grounding{};
  std::vector<LaneImagePrompts> image_prompts{};  // [L]; or empty: no lane has one, as clips never have
};

// Whether LoRAs or image prompts change layers for some of the lanes.
bool HasAdapters(const Lanes& lanes);

// The network that predicts noise, whatever its kind. Not thread-safe. On the CPU in float32 a lane's bytes depend on
// nothing but that lane.
class Denoiser {
 public:
  virtual ~Denoiser() = default;

  virtual int64_t memory_bytes() const = 0;  // of the weights

  // The networks that LoRAs may change.
  virtual std::vector<const AdaptableNetwork*> adaptable() const { return {}; }

  // Motion modules for the network, to its device and in its type. Throws ModelError: it takes none, or what is wrong
  // with the file.
  virtual std::shared_ptr<const MotionModule> LoadMotion(const std::filesystem::path& file) const;
  // The network that ControlNets may steer; null: none.
  virtual const UNet2DConditionModelImpl* steered() const { return nullptr; }
  // What image prompts are for; null for networks without.
  virtual const CrossAttentions* cross_attentions() const { return nullptr; }

  // [L, C', h, w]; C' is C, or 2C for networks that also predict the variance.
  virtual at::Tensor Predict(const Lanes& lanes) const = 0;
};

}  // namespace latentd::model
