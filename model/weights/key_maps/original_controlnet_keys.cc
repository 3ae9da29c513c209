#include "model/weights/key_maps/original_controlnet_keys.h"

#include <algorithm>
#include <optional>
#include <utility>
#include <vector>

#include "model/weights/key_maps/key_path.h"

namespace latentd::model {
namespace {

constexpr const char* kPrefix = "control_model.";

bool HasPrefix(const std::map<std::string, TensorInfo>& tensors, const std::string& prefix) {
  const auto found = tensors.lower_bound(prefix);
  return found != tensors.end() && found->first.starts_with(prefix);
}

}  // namespace

std::string OriginalControlNetPrefix(const std::map<std::string, TensorInfo>& tensors) {
  return HasPrefix(tensors, kPrefix) ? kPrefix : "";
}

bool IsOriginalControlNet(const std::map<std::string, TensorInfo>& tensors) {
  const std::string prefix = OriginalControlNetPrefix(tensors);
  return !prefix.empty() || HasPrefix(tensors, "zero_convs.") || HasPrefix(tensors, "input_hint_block.");
}

OriginalControlNetKeys::OriginalControlNetKeys(const std::map<std::string, TensorInfo>& tensors) : unet_(tensors) {
  for (const auto& [name, info] : tensors) {
    const std::vector<std::string> path = SplitKey(name);
    if (path.size() != 3 || path[0] != "input_hint_block") continue;
    last_hint_ = std::max(last_hint_, KeyNumber(path[1]).value_or(0));
  }
}

RenamedTensor OriginalControlNetKeys::operator()(const std::string& name, const TensorInfo& info) const {
  const std::vector<std::string> path = SplitKey(name);
  const std::optional<size_t> number = path.size() > 2 ? KeyNumber(path[1]) : std::nullopt;
  const auto renamed = [&](const std::string& layer) {
    return RenamedTensor{.name = layer + "." + path.back(), .shape = info.shape};
  };
  // Between two of the hint's convolutions stands an activation.
  if (path.size() == 3 && path[0] == "input_hint_block" && number && *number % 2 == 0) {
    if (*number == 0) return renamed("controlnet_cond_embedding.conv_in");
    if (*number == last_hint_) return renamed("controlnet_cond_embedding.conv_out");
    return renamed("controlnet_cond_embedding.blocks." + std::to_string(*number / 2 - 1));
  }
  if (path.size() == 4 && path[0] == "zero_convs" && number && path[2] == "0") {
    return renamed("controlnet_down_blocks." + path[1]);
  }
  if (path.size() == 3 && path[0] == "middle_block_out" && path[1] == "0") return renamed("controlnet_mid_block");
  return unet_(name, info);
}

}  // namespace latentd::model
