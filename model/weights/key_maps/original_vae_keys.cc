#include "model/weights/key_maps/original_vae_keys.h"

#include <algorithm>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "model/weights/key_maps/key_path.h"

namespace latentd::model {
namespace {

using Path = std::vector<std::string>;

// "block.0.nin_shortcut.weight", "downsample.conv.weight" and the like, from the path's third element on.
std::string Level(const std::string& block, const Path& path) {
  if (path[3] == "block" && path.size() > 5) {
    const std::string layer = path[5] == "nin_shortcut" ? "conv_shortcut" : path[5];
    return block + "resnets." + path[4] + "." + layer + "." + JoinKey(path, 6);
  }
  if (path[3] == "downsample") return block + "downsamplers.0." + JoinKey(path, 4);
  if (path[3] == "upsample") return block + "upsamplers.0." + JoinKey(path, 4);
  return "";
}

std::string Middle(const Path& path) {
  static const std::map<std::string, std::string> kAttention = {
      {"norm", "group_norm"}, {"q", "to_q"}, {"k", "to_k"}, {"v", "to_v"}, {"proj_out", "to_out.0"}};
  if (path[2] == "block_1") return "mid_block.resnets.0." + JoinKey(path, 3);
  if (path[2] == "block_2") return "mid_block.resnets.1." + JoinKey(path, 3);
  const auto layer = kAttention.find(path[3]);
  if (path[2] != "attn_1" || layer == kAttention.end()) return "";
  return "mid_block.attentions.0." + layer->second + "." + JoinKey(path, 4);
}

}  // namespace

OriginalVaeKeys::OriginalVaeKeys(const std::map<std::string, TensorInfo>& tensors) {
  for (const auto& [name, info] : tensors) {
    const Path path = SplitKey(name);
    if (path.size() < 3 || path[0] != "decoder" || path[1] != "up") continue;
    if (const auto number = KeyNumber(path[2])) levels_ = std::max(levels_, *number + 1);
  }
}

RenamedTensor OriginalVaeKeys::operator()(const std::string& name, const TensorInfo& info) const {
  const Path path = SplitKey(name);
  RenamedTensor renamed{.name = name, .shape = info.shape};
  if (path.size() < 3 || (path[0] != "encoder" && path[0] != "decoder")) return renamed;
  std::string inner;
  if (path[1] == "norm_out") inner = "conv_norm_out." + JoinKey(path, 2);
  if (path[1] == "mid" && path.size() > 4) inner = Middle(path);
  const std::optional<size_t> number = path.size() > 4 ? KeyNumber(path[2]) : std::nullopt;
  if (path[1] == "down" && number) inner = Level("down_blocks." + path[2] + ".", path);
  if (path[0] == "decoder" && path[1] == "up" && number)
    inner = Level("up_blocks." + std::to_string(levels_ - 1 - *number) + ".", path);
  if (inner.empty()) return renamed;
  renamed.name = path[0] + "." + inner;
  const bool is_convolution = info.shape.size() > 2 && std::all_of(info.shape.begin() + 2, info.shape.end(),
                                                                   [](int64_t size) { return size == 1; });
  if (path[1] == "mid" && path[2] == "attn_1" && is_convolution) renamed.shape.resize(2);
  return renamed;
}

}  // namespace latentd::model
