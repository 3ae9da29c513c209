#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "model/adapters/adapter.h"
#include "model/layers/lane_delta.h"

namespace latentd::model {

// The low-rank changes of one LoRA file, for the networks of one model.
class Lora : public Adapter {
 public:
  // A change of one layer. `layer` counts the network's adaptable layers (AdaptableNetwork::layers).
  struct Change {
    size_t layer = 0;
    LowRank weights;
  };

  // By the network's name: "unet", "text_encoder", "text_encoder_2". Each list is sorted by layer, one change for each.
  explicit Lora(std::map<std::string, std::vector<Change>> changes) : changes_(std::move(changes)) {}

  int64_t memory_bytes() const override;

  // Whether prompts must be encoded with it.
  bool changes_text() const;

  // Of one network; empty when the file has none.
  std::span<const Change> Changes(const std::string& network) const;

 private:
  const std::map<std::string, std::vector<Change>> changes_;
};

// One of a row's LoRAs.
struct AppliedLora {
  std::shared_ptr<const Lora> lora;  // not null; loaded by the model that computes the row
  double scale = 1;                  // of the change; negative turns it around
};

}  // namespace latentd::model
