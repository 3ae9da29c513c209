#include "model/adapters/lora_key.h"

#include <utility>

namespace latentd::model {
namespace {

struct Ending {
  std::string_view text;
  LoraPart part;
};

constexpr Ending kDottedEndings[] = {
    {".lora_A.weight", LoraPart::kDown},
    {".lora_B.weight", LoraPart::kUp},
    {".lora.down.weight", LoraPart::kDown},
    {".lora.up.weight", LoraPart::kUp},
    {".lora_linear_layer.down.weight", LoraPart::kDown},
    {".lora_linear_layer.up.weight", LoraPart::kUp},
    {"_lora.down.weight", LoraPart::kDown},  // of an attention's processor
    {"_lora.up.weight", LoraPart::kUp},
    {".alpha", LoraPart::kAlpha},
};

constexpr Ending kFlattenedEndings[] = {
    {".lora_down.weight", LoraPart::kDown},
    {".lora_up.weight", LoraPart::kUp},
    {".alpha", LoraPart::kAlpha},
};

struct Beginning {
  std::string_view text;
  const char* network;
};

constexpr Beginning kDottedBeginnings[] = {
    {"unet.", "unet"}, {"text_encoder.", "text_encoder"}, {"text_encoder_2.", "text_encoder_2"}};

constexpr Beginning kFlattenedBeginnings[] = {{"lora_unet_", "unet"},
                                              {"lora_te_", "text_encoder"},
                                              {"lora_te1_", "text_encoder"},
                                              {"lora_te2_", "text_encoder_2"}};

// Takes the ending off. False when there is none of them.
template <size_t kCount>
bool TakeEnding(const Ending (&endings)[kCount], std::string_view& name, LoraPart& part) {
  for (const Ending& ending : endings) {
    if (!name.ends_with(ending.text)) continue;
    name.remove_suffix(ending.text.size());
    part = ending.part;
    return true;
  }
  return false;
}

// `L.lora_A.default.weight` without the adapter's name.
std::string WithoutAdapterName(std::string_view name) {
  for (const std::string_view mark : {".lora_A.", ".lora_B."}) {
    const size_t at = name.rfind(mark);
    if (at == std::string_view::npos || !name.ends_with(".weight")) continue;
    return std::string(name.substr(0, at + mark.size())) + "weight";
  }
  return std::string(name);
}

// `….attn1.processor.to_out` is `….attn1.to_out.0`.
std::string WithoutProcessor(std::string_view layer) {
  constexpr std::string_view kProcessor = ".processor.";
  const size_t at = layer.rfind(kProcessor);
  if (at == std::string_view::npos) return std::string(layer);
  std::string name(layer.substr(0, at + 1));
  name.append(layer.substr(at + kProcessor.size()));
  if (layer.ends_with(".to_out")) name.append(".0");
  return name;
}

}  // namespace

std::optional<LoraKey> ParseLoraKey(std::string_view name) {
  LoraKey key;
  for (const Beginning& beginning : kFlattenedBeginnings) {
    if (!name.starts_with(beginning.text)) continue;
    key.network = beginning.network;
    key.naming = LoraNaming::kFlattened;
    name.remove_prefix(beginning.text.size());
    if (!TakeEnding(kFlattenedEndings, name, key.part)) return std::nullopt;
    key.layer = name;
    return key;
  }
  const std::string plain = WithoutAdapterName(name);
  std::string_view rest = plain;
  if (!TakeEnding(kDottedEndings, rest, key.part)) return std::nullopt;
  for (const Beginning& beginning : kDottedBeginnings) {
    if (!rest.starts_with(beginning.text)) continue;
    key.network = beginning.network;
    rest.remove_prefix(beginning.text.size());
    break;
  }
  key.layer = WithoutProcessor(rest);
  return key;
}

const char* UnsupportedChange(std::string_view name) {
  constexpr std::pair<std::string_view, const char*> kMarks[] = {
      {"hada_", "LoHa"},
      {"lokr_", "LoKr"},
      {"dora_scale", "DoRA"},
      {"lora_magnitude_vector", "DoRA"},
      {"oft_", "OFT"},
      {"glora", "GLoRA"},
      {".a1.weight", "GLoRA"},
      {".a2.weight", "GLoRA"},
      {".b1.weight", "GLoRA"},
      {".b2.weight", "GLoRA"},
      {"lora_mid", "a convolution in three parts (lora_mid, Tucker decomposition)"},
      {"lora_embedding_", "a change of embeddings"},
      {".lora_B.bias", "a change of biases"},
      {".diff", "a difference of whole weights"},
  };
  for (const auto& [mark, kind] : kMarks) {
    if (name.find(mark) != std::string_view::npos) return kind;
  }
  return nullptr;
}

}  // namespace latentd::model
