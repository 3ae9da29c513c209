#include "model/adapters/lora_origin.h"

#include <algorithm>
#include <optional>
#include <string_view>

#include "model/adapters/lora_key.h"

namespace latentd::model {
namespace {

bool Contains(std::string_view text, std::string_view part) { return text.find(part) != std::string_view::npos; }

std::string Family(int64_t text_features) {
  switch (text_features) {
    case 768:
      return " (Stable Diffusion 1.x)";
    case 1024:
      return " (Stable Diffusion 2.x)";
    case 2048:
      return " (Stable Diffusion XL)";
    case 1280:
      return " (the refiner of Stable Diffusion XL)";
    default:
      return "";
  }
}

std::string TextOf(int64_t features) { return std::to_string(features) + " text features" + Family(features); }

// Of the network's cross-attention; nothing when it has none.
std::optional<int64_t> TextFeatures(std::span<const AdaptableNetwork* const> networks) {
  for (const AdaptableNetwork* network : networks) {
    for (const AdaptableNetwork::Layer& layer : network->layers()) {
      if (layer.name.ends_with("attn2.to_k")) return layer.layer->BaseWeight().size(1);
    }
  }
  return std::nullopt;
}

}  // namespace

void LoraOrigin::See(const std::string& name, const TensorInfo& info) {
  for (const std::string_view mark :
       {"double_blocks", "single_blocks", "joint_blocks", "single_transformer_blocks", "joint_transformer_blocks"}) {
    transformer_ = transformer_ || Contains(name, mark);
  }
  transformer_ = transformer_ || name.starts_with("transformer.");
  const std::optional<LoraKey> key = ParseLoraKey(name);
  if (!key || key->part != LoraPart::kDown || info.shape.size() < 2) return;
  const std::string_view layer = key->layer;
  if (Contains(layer, "motion_modules")) return;  // whose attentions look at no text
  if (layer.ends_with("attn2.to_k") || layer.ends_with("attn2_to_k")) text_features_.insert(info.shape[1]);
}

std::optional<std::string> LoraOrigin::OtherThan(std::span<const AdaptableNetwork* const> networks) const {
  if (transformer_) return "is made for a diffusion transformer; this model is a U-Net";
  const std::optional<int64_t> own = TextFeatures(networks);
  if (!own || text_features_.empty() || text_features_.contains(*own)) return std::nullopt;
  return "is made for a model of " + TextOf(*text_features_.begin()) + "; this one has " + TextOf(*own);
}

}  // namespace latentd::model
