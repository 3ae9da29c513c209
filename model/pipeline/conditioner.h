#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/adapters/adaptable_network.h"
#include "model/pipeline/diffusion_model.h"

namespace latentd::model {

// What turns the words of a request into what the U-Net is conditioned by. Not thread-safe.
class Conditioner {
 public:
  virtual ~Conditioner() = default;

  virtual int64_t memory_bytes() const = 0;  // of the weights

  // The networks that LoRAs may change.
  virtual std::vector<const AdaptableNetwork*> adaptable() const { return {}; }

  // In the order of the prompts. A prompt's bytes do not depend on the others'.
  virtual std::vector<Conditioning> Encode(std::span<const Prompt> prompts) const = 0;
};

// For unconditional models: nothing.
class NoConditioner final : public Conditioner {
 public:
  int64_t memory_bytes() const override { return 0; }
  std::vector<Conditioning> Encode(std::span<const Prompt> prompts) const override {
    return std::vector<Conditioning>(prompts.size());
  }
};

}  // namespace latentd::model
