#include "model/unet/unet_2d_config.h"

#include <map>
#include <string>
#include <utility>

#include "model/layers/activation.h"

namespace latentd::model {
namespace {

constexpr int64_t kMaxLayers = 64;
constexpr size_t kMaxLevels = 12;
constexpr int64_t kMaxSampleSize = 4096;

// What a block type means for its level.
struct BlockKind {
  bool attention;
  bool by_resnet;
};

std::string NamesOf(const std::map<std::string, BlockKind>& kinds) {
  std::string names;
  for (const auto& [name, kind] : kinds) names += (names.empty() ? "" : ", ") + name;
  return names;
}

// The kinds of the blocks that `key` lists by name; `names` are those when it is absent.
std::vector<BlockKind> ReadBlocks(ConfigReader& reader, const std::string& key, std::vector<std::string> names,
                                  const std::map<std::string, BlockKind>& supported, size_t count) {
  names = reader.Get<std::vector<std::string>>(key, std::move(names));
  std::vector<BlockKind> kinds;
  for (const std::string& name : names) {
    // Early releases of diffusers wrote UNetResDownBlock2D and so on.
    const auto found = supported.find(name.starts_with("UNetRes") ? name.substr(7) : name);
    if (found == supported.end()) {
      reader.AddProblem(key, "'" + name + "' is not supported (supported: " + NamesOf(supported) + ")");
    }
    kinds.push_back(found == supported.end() ? BlockKind{} : found->second);
  }
  if (kinds.size() != count) {
    reader.AddProblem(
        key, "has " + std::to_string(kinds.size()) + " entries, block_out_channels has " + std::to_string(count));
    kinds.resize(count);
  }
  return kinds;
}

void ReadLevels(ConfigReader& reader, UNet2DConfig& config) {
  const auto channels = reader.Get<std::vector<int64_t>>("block_out_channels", {224, 448, 672, 896});
  if (channels.empty() || channels.size() > kMaxLevels) {
    reader.AddProblem("block_out_channels", "must have between 1 and 12 entries");
  }
  const bool down_resnet = reader.GetChoice("downsample_type", "conv", {"conv", "resnet"}) == "resnet";
  const auto down =
      ReadBlocks(reader, "down_block_types", {"DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"},
                 {{"DownBlock2D", {.attention = false, .by_resnet = false}},
                  {"AttnDownBlock2D", {.attention = true, .by_resnet = down_resnet}},
                  {"ResnetDownsampleBlock2D", {.attention = false, .by_resnet = true}}},
                 channels.size());
  const bool up_resnet = reader.GetChoice("upsample_type", "conv", {"conv", "resnet"}) == "resnet";
  // Listed from the coarsest level to the finest.
  const auto up = ReadBlocks(reader, "up_block_types", {"AttnUpBlock2D", "AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D"},
                             {{"UpBlock2D", {.attention = false, .by_resnet = false}},
                              {"AttnUpBlock2D", {.attention = true, .by_resnet = up_resnet}},
                              {"ResnetUpsampleBlock2D", {.attention = false, .by_resnet = true}}},
                             channels.size());
  for (size_t i = 0; i < channels.size(); ++i) {
    const BlockKind& from_below = up[channels.size() - 1 - i];
    config.levels.push_back({.channels = channels[i],
                             .down_attention = down[i].attention,
                             .up_attention = from_below.attention,
                             .down_by_resnet = down[i].by_resnet,
                             .up_by_resnet = from_below.by_resnet});
    if (channels[i] < 1 || channels[i] > ConfigReader::kMaxCount || channels[i] % config.norm_groups != 0) {
      reader.AddProblem("block_out_channels", std::to_string(channels[i]) + " is not a multiple of norm_num_groups (" +
                                                  std::to_string(config.norm_groups) + ") between 1 and 65536");
    }
  }
}

void ReadAttention(ConfigReader& reader, UNet2DConfig& config) {
  config.mid_attention = reader.Get("add_attention", true);
  // Null means one head; absent means the default.
  config.head_features = reader.IsNull("attention_head_dim") ? 0 : reader.GetCount("attention_head_dim", 8);
  reader.Ignore({"attention_head_dim"});
  const int64_t usual_groups = config.scale_shift ? 0 : config.norm_groups;
  config.mid_attention_groups =
      reader.Has("attn_norm_num_groups") ? reader.GetCount("attn_norm_num_groups", 1) : usual_groups;
  reader.Ignore({"attn_norm_num_groups"});
  if (config.levels.empty()) return;
  const int64_t coarsest = config.levels.back().channels;
  if (config.mid_attention_groups > 0 && coarsest % config.mid_attention_groups != 0) {
    reader.AddProblem("attn_norm_num_groups", std::to_string(config.mid_attention_groups) + " does not divide the " +
                                                  std::to_string(coarsest) + " channels of the last level");
  }
  for (const UNet2DLevel& level : config.levels) {
    const bool middle = &level == &config.levels.back() && config.has_mid_block && config.mid_attention;
    const bool attends = level.down_attention || level.up_attention || middle;
    if (attends && config.head_features > level.channels) {
      reader.AddProblem("attention_head_dim", std::to_string(config.head_features) + " features a head for " +
                                                  std::to_string(level.channels) + " channels");
    }
  }
}

void ReadTime(ConfigReader& reader, UNet2DConfig& config) {
  const int64_t first = config.levels.empty() ? 1 : config.levels.front().channels;
  config.fourier_time = reader.GetChoice("time_embedding_type", "positional", {"positional", "fourier"}) == "fourier";
  config.flip_sin_to_cos = reader.Get("flip_sin_to_cos", true);
  config.freq_shift = reader.Get("freq_shift", 0.0);
  const int64_t half = first / 2;
  if (!config.fourier_time && !(config.freq_shift >= 0 && config.freq_shift < static_cast<double>(half))) {
    reader.AddProblem("freq_shift", "must be at least 0 and below half the first level's channels");
  }
  config.time_features = reader.GetCount("time_embedding_dim", 4 * first);
}

void ReadClasses(ConfigReader& reader, UNet2DConfig& config) {
  if (reader.Has("class_embed_type")) {
    const std::string type = reader.GetChoice("class_embed_type", "timestep", {"timestep", "identity"});
    config.class_embedding = type == "timestep" ? ClassEmbedding::kTimestep : ClassEmbedding::kIdentity;
    reader.Ignore({"num_class_embeds"});  // read only without class_embed_type
  } else if (reader.Has("num_class_embeds")) {
    config.class_embedding = ClassEmbedding::kTable;
    config.classes = reader.GetCount("num_class_embeds", 1);
  }
  reader.Ignore({"class_embed_type", "num_class_embeds"});
}

// sample_size: one number, or height and width.
void ReadSampleSize(ConfigReader& reader, UNet2DConfig& config) {
  if (!reader.Has("sample_size")) return reader.Ignore({"sample_size"});
  const auto size = reader.GetPerLevel<int64_t>("sample_size", 2, 1);
  for (const int64_t edge : size) {
    if (edge < 1 || edge > kMaxSampleSize) reader.AddProblem("sample_size", "must be between 1 and 4096");
  }
  config.sample_height = size[0];
  config.sample_width = size[1];
}

}  // namespace

UNet2DConfig ReadUNet2DConfig(ConfigReader reader) {
  UNet2DConfig config;
  config.in_channels = reader.GetCount("in_channels", 3);
  config.out_channels = reader.GetCount("out_channels", 3);
  config.norm_groups = reader.GetCount("norm_num_groups", 32);
  config.scale_shift =
      reader.GetChoice("resnet_time_scale_shift", "default", {"default", "scale_shift"}) == "scale_shift";
  config.layers = reader.GetCount("layers_per_block", 2);
  if (config.layers > kMaxLayers) reader.AddProblem("layers_per_block", "must be at most 64");
  ReadLevels(reader, config);

  config.has_mid_block = !reader.IsNull("mid_block_type");
  reader.Only("mid_block_type", "UNetMidBlock2D");
  config.mid_block_scale = reader.Get("mid_block_scale_factor", 1.0);
  if (!(config.mid_block_scale > 0)) reader.AddProblem("mid_block_scale_factor", "must be above 0");
  ReadAttention(reader, config);
  ReadTime(reader, config);
  ReadClasses(reader, config);
  ReadSampleSize(reader, config);

  config.center_input = reader.Get("center_input_sample", false);
  config.downsample_padding = reader.Get<int64_t>("downsample_padding", 1);
  if (config.downsample_padding != 0 && config.downsample_padding != 1) {
    reader.AddProblem("downsample_padding", "must be 0 or 1");
  }
  config.activation = ReadActivation(reader, "act_fn");
  config.norm_eps = reader.Get("norm_eps", 1e-5);
  if (!(config.norm_eps > 0)) reader.AddProblem("norm_eps", "must be above 0");
  // Only in training, and only of learned time embeddings, which are refused above.
  reader.Ignore({"dropout", "num_train_timesteps"});
  reader.Finish();
  return config;
}

}  // namespace latentd::model
