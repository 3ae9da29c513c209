#include "model/weights/key_maps/vae_keys.h"

#include <array>
#include <string_view>
#include <utility>

namespace latentd::model {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kOldToNew = {
    {{".query", ".to_q"}, {".key", ".to_k"}, {".value", ".to_v"}, {".proj_attn", ".to_out.0"}}};

}  // namespace

RenamedTensor ModernVaeKey(const std::string& name, const TensorInfo& info) {
  RenamedTensor renamed{.name = name, .shape = info.shape};
  const size_t dot = name.rfind('.');
  if (dot == std::string::npos || name.find(".attentions.") == std::string::npos) return renamed;
  std::string layer = name.substr(0, dot);
  const std::string parameter = name.substr(dot);  // ".weight" or ".bias"
  bool is_projection = false;
  for (const auto& [old_name, new_name] : kOldToNew) {
    if (layer.ends_with(old_name)) layer.replace(layer.size() - old_name.size(), std::string::npos, new_name);
    is_projection = is_projection || layer.ends_with(new_name);
  }
  if (!is_projection) return renamed;
  renamed.name = layer + parameter;
  if (info.shape.size() == 4 && info.shape[2] == 1 && info.shape[3] == 1) renamed.shape.resize(2);
  return renamed;
}

}  // namespace latentd::model
