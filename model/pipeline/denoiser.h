#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <vector>

#include "model/adapters/adaptable_network.h"
#include "model/adapters/image_prompt_scope.h"
#include "model/adapters/lora_scope.h"
#include "model/layers/context.h"
#include "model/pipeline/size_condition.h"

namespace latentd::model {

// The lanes of one forward.
struct Lanes {
  at::Tensor samples;          // [L, C, h, w] float32 on the model's device
  at::Tensor timesteps;        // [L] float32 on the CPU, where their embedding is made: no round trip to the device
  at::Tensor guidance;         // [L] float64 on the CPU: guidance scales, for networks that embed them
  Context context;             // empty for unconditional networks
  std::vector<LoraSet> loras;  // [L]; or empty: no lane has one
  at::Tensor pooled{};         // [L, P] on the model's device; undefined when the conditioner gives none
  std::vector<SizeCondition> sizes{};             // L of them
  at::Tensor class_labels{};                      // int64 [L] on the CPU; undefined for networks that are told no class
  std::vector<LaneImagePrompts> image_prompts{};  // [L]; or empty: no lane has one
};

// The network that predicts noise, whatever its kind. Not thread-safe. On the CPU in float32 a lane's bytes depend on
// nothing but that lane.
class Denoiser {
 public:
  virtual ~Denoiser() = default;

  virtual int64_t memory_bytes() const = 0;  // of the weights

  // The networks that LoRAs may change.
  virtual std::vector<const AdaptableNetwork*> adaptable() const { return {}; }

  // What image prompts are for; null for networks without.
  virtual const CrossAttentions* cross_attentions() const { return nullptr; }

  // [L, C', h, w]; C' is C, or 2C for networks that also predict the variance.
  virtual at::Tensor Predict(const Lanes& lanes) const = 0;
};

}  // namespace latentd::model
