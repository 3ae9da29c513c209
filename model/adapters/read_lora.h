#pragma once

#include <filesystem>
#include <memory>
#include <span>

#include "model/adapters/adaptable_network.h"
#include "model/adapters/lora.h"

namespace latentd::model {

// Reads a LoRA's safetensors file for a model's networks, to their device and in their type. Names: see ParseLoraKey
// and LayerNames. A layer's change is up · down · alpha / rank, alpha being the rank where the file does not say; for
// files that carry diffusers' `lora_adapter_metadata` it is what that says (lora_alpha, alpha_pattern, use_rslora).
//
// Throws ModelError that lists everything that is wrong: keys that match no layer, half pairs, shapes, types, rank 0,
// values that are not finite, kinds of change that are not supported (LoHa, LoKr, DoRA …), and what other model the
// file seems to be made for. Reads the layers' names and shapes alone, so it may run beside forwards.
std::shared_ptr<const Lora> ReadLora(const std::filesystem::path& file,
                                     std::span<const AdaptableNetwork* const> networks);

}  // namespace latentd::model
