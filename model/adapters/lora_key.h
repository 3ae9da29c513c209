#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace latentd::model {

// What a tensor of a LoRA file is of a layer's change.
enum class LoraPart { kDown, kUp, kAlpha };

// How LoRA files name networks and layers.
enum class LoraNaming {
  kDotted,     // as modules are named: diffusers and PEFT
  kFlattened,  // with underscores for dots: kohya's trainers, and those after them
};

// A tensor's name, taken apart.
struct LoraKey {
  std::string network;  // "unet", "text_encoder", "text_encoder_2"; empty: the key does not say
  std::string layer;    // in the file's naming
  LoraNaming naming = LoraNaming::kDotted;
  LoraPart part = LoraPart::kDown;
};

// Nothing when the name is of no known style. Known are, for a layer L of the U-Net (the text encoders likewise):
//
//   unet.L.lora_A.weight     .lora_B.weight     .alpha    PEFT, with and without the network, with and without the name
//                                                         of an adapter before `.weight`
//   unet.L.lora.down.weight  .lora.up.weight              diffusers before PEFT; `lora_linear_layer` in text encoders
//   unet.….processor.to_q_lora.down.weight                diffusers' first
//   lora_unet_L.lora_down.weight  .lora_up.weight  .alpha kohya; lora_te_ or lora_te1_, and lora_te2_
std::optional<LoraKey> ParseLoraKey(std::string_view name);

// The kind of change that a tensor's name shows and that is not computed here: "LoHa", "DoRA" …; null for none.
const char* UnsupportedChange(std::string_view name);

}  // namespace latentd::model
