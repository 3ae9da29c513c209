#pragma once

#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

namespace latentd::model {

// What diffusers writes beside a LoRA's tensors since 0.34 (`lora_adapter_metadata` of the file: PEFT's LoraConfig of
// each network, its fields after `unet.` or `text_encoder.`), as far as it says how strong the changes are.
class LoraScaling {
 public:
  // Throws ModelError when the metadata cannot be read, or asks for what is not supported. Files without it are fine.
  static LoraScaling FromFile(const std::filesystem::path& file);

  // What up · down of a layer (diffusers' name) is multiplied by, as peft.tuners.lora.layer computes it; nothing when
  // the file does not say.
  std::optional<double> ScaleOf(const std::string& network, const std::string& layer, int64_t rank) const;

 private:
  nlohmann::json fields_;  // an object; empty without metadata
};

}  // namespace latentd::model
