#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "model/adapters/adaptable_network.h"
#include "model/adapters/lora_scope.h"
#include "model/adapters/read_textual_inversion.h"
#include "model/pipeline/diffusion_model.h"

namespace latentd::model {

// What turns the words of a request into what the U-Net is conditioned by. Not thread-safe.
class Conditioner {
 public:
  virtual ~Conditioner() = default;

  virtual int64_t memory_bytes() const = 0;  // of the weights

  // The networks that LoRAs may change.
  virtual std::vector<const AdaptableNetwork*> adaptable() const { return {}; }

  // What embeddings may add tokens to.
  virtual std::vector<TokenTable> token_tables() const { return {}; }

  // In the order of the prompts. A prompt's bytes do not depend on the others'.
  virtual std::vector<Conditioning> Encode(std::span<const Prompt> prompts) const = 0;
};

// For each prompt the number of its LoRAs, which prompts with equal ones share: in its order they are neighbours in a
// batch, and share their products.
inline std::vector<size_t> LoraNumbers(std::span<const Prompt> prompts) {
  std::vector<LoraSet> sets;
  for (const Prompt& prompt : prompts) sets.emplace_back(prompt.loras);
  return NumberLoras(sets);
}

// For unconditional models: nothing.
class NoConditioner final : public Conditioner {
 public:
  int64_t memory_bytes() const override { return 0; }
  std::vector<Conditioning> Encode(std::span<const Prompt> prompts) const override {
    return std::vector<Conditioning>(prompts.size());
  }
};

}  // namespace latentd::model
