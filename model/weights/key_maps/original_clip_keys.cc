#include "model/weights/key_maps/original_clip_keys.h"

#include <map>
#include <optional>

#include "model/weights/key_maps/key_path.h"

namespace latentd::model {
namespace {

using Names = std::map<std::string, std::string>;

// Queries, keys and values, which stand one below the other.
std::vector<RenamedTensor> SplitProjection(const std::string& attention, const std::string& parameter,
                                           const TensorInfo& info) {
  std::vector<RenamedTensor> parts;
  std::vector<int64_t> shape = info.shape;
  shape[0] /= 3;
  for (const char* layer : {"q_proj", "k_proj", "v_proj"}) {
    const auto first_row = static_cast<int64_t>(parts.size()) * shape[0];
    parts.push_back({.name = attention + layer + parameter, .shape = shape, .first_row = first_row});
  }
  return parts;
}

// `layer` is the name behind "transformer.resblocks.<number>.".
std::vector<RenamedTensor> Block(const std::string& block, const std::string& layer, const TensorInfo& info) {
  static const Names kLayers = {{"ln_1.weight", "layer_norm1.weight"},
                                {"ln_1.bias", "layer_norm1.bias"},
                                {"ln_2.weight", "layer_norm2.weight"},
                                {"ln_2.bias", "layer_norm2.bias"},
                                {"mlp.c_fc.weight", "mlp.fc1.weight"},
                                {"mlp.c_fc.bias", "mlp.fc1.bias"},
                                {"mlp.c_proj.weight", "mlp.fc2.weight"},
                                {"mlp.c_proj.bias", "mlp.fc2.bias"},
                                {"attn.out_proj.weight", "self_attn.out_proj.weight"},
                                {"attn.out_proj.bias", "self_attn.out_proj.bias"}};
  const bool splits = !info.shape.empty() && info.shape[0] % 3 == 0;
  if (splits && layer == "attn.in_proj_weight") return SplitProjection(block + "self_attn.", ".weight", info);
  if (splits && layer == "attn.in_proj_bias") return SplitProjection(block + "self_attn.", ".bias", info);
  const auto found = kLayers.find(layer);
  return {{.name = block + (found == kLayers.end() ? layer : found->second), .shape = info.shape}};
}

}  // namespace

std::vector<RenamedTensor> OpenClipKeys(const std::string& name, const TensorInfo& info, int64_t layers) {
  static const Names kEnds = {{"positional_embedding", "text_model.embeddings.position_embedding.weight"},
                              {"token_embedding.weight", "text_model.embeddings.token_embedding.weight"},
                              {"ln_final.weight", "text_model.final_layer_norm.weight"},
                              {"ln_final.bias", "text_model.final_layer_norm.bias"}};
  if (const auto end = kEnds.find(name); end != kEnds.end()) return {{.name = end->second, .shape = info.shape}};
  if (name == "text_projection" && info.shape.size() == 2) {
    return {{.name = "text_projection.weight", .shape = {info.shape[1], info.shape[0]}, .transposed = true}};
  }
  const std::vector<std::string> path = SplitKey(name);
  const bool in_block = path.size() > 3 && path[0] == "transformer" && path[1] == "resblocks";
  const std::optional<size_t> number = in_block ? KeyNumber(path[2]) : std::nullopt;
  if (!number) return {{.name = name, .shape = info.shape}};
  if (static_cast<int64_t>(*number) >= layers) return {};
  return Block("text_model.encoder.layers." + path[2] + ".", JoinKey(path, 3), info);
}

}  // namespace latentd::model
