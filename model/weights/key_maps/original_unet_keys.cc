#include "model/weights/key_maps/original_unet_keys.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "model/weights/key_maps/key_path.h"

namespace latentd::model {
namespace {

using Names = std::map<std::string, std::string, std::less<>>;

// A residual block's layer, from its path's `from`th element on.
std::string ResidualLayer(const std::vector<std::string>& path, size_t from) {
  static const Names kLayers = {{"in_layers.0", "norm1"},
                                {"in_layers.2", "conv1"},
                                {"emb_layers.1", "time_emb_proj"},
                                {"out_layers.0", "norm2"},
                                {"out_layers.3", "conv2"}};
  if (path.size() == from + 2 && path[from] == "skip_connection") return "conv_shortcut." + path[from + 1];
  if (path.size() != from + 3) return "";
  const auto found = kLayers.find(path[from] + "." + path[from + 1]);
  return found == kLayers.end() ? "" : found->second + "." + path[from + 2];
}

std::string WithPrefix(const std::string& prefix, const std::string& layer) {
  return layer.empty() ? "" : prefix + layer;
}

// What stands at the ends of the network, from the name without its last part ("weight", "bias").
std::string End(const std::vector<std::string>& path) {
  static const Names kEnds = {{"time_embed.0", "time_embedding.linear_1"},
                              {"time_embed.2", "time_embedding.linear_2"},
                              {"label_emb.0.0", "add_embedding.linear_1"},
                              {"label_emb.0.2", "add_embedding.linear_2"},
                              {"input_blocks.0.0", "conv_in"},
                              {"out.0", "conv_norm_out"},
                              {"out.2", "conv_out"}};
  const auto found = kEnds.find(JoinKey(path, 0, path.size() - 1));
  return found == kEnds.end() ? "" : found->second + "." + path.back();
}

std::string MiddleBlock(const std::vector<std::string>& path) {
  if (path[1] == "0") return WithPrefix("mid_block.resnets.0.", ResidualLayer(path, 2));
  if (path[1] == "1") return "mid_block.attentions.0." + JoinKey(path, 2);
  if (path[1] == "2") return WithPrefix("mid_block.resnets.1.", ResidualLayer(path, 2));
  return "";
}

}  // namespace

OriginalUNetKeys::OriginalUNetKeys(const std::map<std::string, TensorInfo>& tensors) {
  size_t inputs = 1;
  std::set<size_t> downsampling;
  for (const auto& [name, info] : tensors) {
    const std::vector<std::string> path = SplitKey(name);
    if (path.size() < 4 || path[0] != "input_blocks") continue;
    const std::optional<size_t> number = KeyNumber(path[1]);
    if (!number) continue;
    inputs = std::max(inputs, *number + 1);
    if (path[3] == "op") downsampling.insert(*number);
  }
  Place place{.level = 0, .layer = 0};
  std::vector<size_t> layers = {0};  // residual blocks of each level
  input_.push_back(place);           // the first convolution, which has a name of its own
  for (size_t i = 1; i < inputs; ++i) {
    input_.push_back(place);
    if (downsampling.contains(i)) {
      place = {.level = place.level + 1, .layer = 0};
      layers.push_back(0);
    } else {
      layers[place.level] = ++place.layer;
    }
  }
  // On the way up, from the coarsest level on, each has one more.
  for (size_t level = layers.size(); level-- > 0;) {
    for (size_t layer = 0; layer <= layers[level]; ++layer) {
      output_.push_back({.level = layers.size() - 1 - level, .layer = layer});
    }
  }
}

std::string OriginalUNetKeys::InputBlock(const std::vector<std::string>& path) const {
  const std::optional<size_t> number = KeyNumber(path[1]);
  if (!number || *number == 0 || *number >= input_.size()) return "";
  const Place& place = input_[*number];
  const std::string block = "down_blocks." + std::to_string(place.level) + ".";
  const std::string layer = std::to_string(place.layer) + ".";
  if (path[2] == "1") return block + "attentions." + layer + JoinKey(path, 3);
  if (path[2] != "0") return "";
  if (path[3] == "op") return block + "downsamplers.0.conv." + JoinKey(path, 4);
  return WithPrefix(block + "resnets." + layer, ResidualLayer(path, 3));
}

std::string OriginalUNetKeys::OutputBlock(const std::vector<std::string>& path) const {
  const std::optional<size_t> number = KeyNumber(path[1]);
  if (!number || *number >= output_.size()) return "";
  const Place& place = output_[*number];
  const std::string block = "up_blocks." + std::to_string(place.level) + ".";
  const std::string layer = std::to_string(place.layer) + ".";
  if (path[2] == "0") return WithPrefix(block + "resnets." + layer, ResidualLayer(path, 3));
  // The upsampling stands behind the attention, or in its place.
  if (path[3] == "conv" && (path[2] == "1" || path[2] == "2")) return block + "upsamplers.0.conv." + JoinKey(path, 4);
  return path[2] == "1" ? block + "attentions." + layer + JoinKey(path, 3) : "";
}

RenamedTensor OriginalUNetKeys::operator()(const std::string& name, const TensorInfo& info) const {
  const std::vector<std::string> path = SplitKey(name);
  std::string renamed = End(path);
  if (renamed.empty() && path.size() > 3) {
    if (path[0] == "input_blocks") renamed = InputBlock(path);
    if (path[0] == "middle_block") renamed = MiddleBlock(path);
    if (path[0] == "output_blocks") renamed = OutputBlock(path);
  }
  return {.name = renamed.empty() ? name : std::move(renamed), .shape = info.shape};
}

}  // namespace latentd::model
