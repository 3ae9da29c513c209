#include "model/weights/key_maps/motion_keys.h"

#include <array>
#include <string_view>
#include <utility>

namespace latentd::model {
namespace {

constexpr std::string_view kModules = ".motion_modules.";
constexpr std::string_view kWrapper = ".temporal_transformer.";

constexpr std::array<std::pair<std::string_view, std::string_view>, 5> kOriginalToOurs = {
    {{".attention_blocks.0.", ".attn1."},
     {".attention_blocks.1.", ".attn2."},
     {".norms.0.", ".norm1."},
     {".norms.1.", ".norm2."},
     {".ff_norm.", ".norm3."}}};

void Replace(std::string& name, std::string_view from, std::string_view to) {
  if (const size_t at = name.find(from); at != std::string::npos) name.replace(at, from.size(), to);
}

}  // namespace

std::vector<RenamedTensor> MotionKeys(const std::string& name, const TensorInfo& info) {
  RenamedTensor renamed{.name = name, .shape = info.shape};
  if (name.find(".pos_encoder.") != std::string::npos) {
    if (name.find(".attention_blocks.0.") == std::string::npos) return {};
    Replace(renamed.name, ".attention_blocks.0.pos_encoder.", ".pos_embed.");
  }
  Replace(renamed.name, kWrapper, ".");
  for (const auto& [original, ours] : kOriginalToOurs) Replace(renamed.name, original, ours);
  return {renamed};
}

bool IsOriginalMotionKey(const std::string& name) { return name.find(kWrapper) != std::string::npos; }

std::string OriginalMotionLayer(std::string layer) {
  const size_t modules = layer.find(kModules);
  if (modules == std::string::npos) return layer;
  if (const size_t number_ends = layer.find('.', modules + kModules.size()); number_ends != std::string::npos) {
    layer.replace(number_ends, 1, kWrapper);
  }
  for (const auto& [original, ours] : kOriginalToOurs) Replace(layer, ours, original);
  return layer;
}

}  // namespace latentd::model
