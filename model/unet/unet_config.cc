#include "model/unet/unet_config.h"

#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>

#include "model/layers/activation.h"

namespace latentd::model {
namespace {

constexpr int64_t kMaxChannels = 1 << 16;
constexpr size_t kMaxLevels = 12;
constexpr int64_t kMaxLayers = 64;
constexpr int64_t kMaxSampleSize = 4096;

void RequirePositive(ConfigReader& reader, const std::string& key, const std::vector<int64_t>& values) {
  const bool fine = std::all_of(values.begin(), values.end(), [](int64_t v) { return v > 0 && v <= kMaxChannels; });
  if (!fine) reader.AddProblem(key, "must be between 1 and 65536");
}

int64_t GetPositive(ConfigReader& reader, const std::string& key, int64_t fallback) {
  const int64_t value = reader.Get<int64_t>(key, fallback);
  RequirePositive(reader, key, {value});
  return value;
}

std::vector<int64_t> GetPositivePerLevel(ConfigReader& reader, const std::string& key, size_t count, int64_t fallback) {
  std::vector<int64_t> values = reader.GetPerLevel<int64_t>(key, count, fallback);
  RequirePositive(reader, key, values);
  return values;
}

// Which levels attend, from the names of their blocks.
std::vector<bool> ReadBlockTypes(ConfigReader& reader, const std::string& key, const std::vector<std::string>& fallback,
                                 const std::string& with_attention, const std::string& without, size_t count) {
  const auto names = reader.Get<std::vector<std::string>>(key, fallback);
  std::vector<bool> attends;
  for (const std::string& name : names) {
    if (name != with_attention && name != without) {
      reader.AddProblem(key, "'" + name + "' is not supported (supported: " + with_attention + ", " + without + ")");
    }
    attends.push_back(name == with_attention);
  }
  if (names.size() != count) {
    reader.AddProblem(
        key, "has " + std::to_string(names.size()) + " entries, block_out_channels has " + std::to_string(count));
    attends.resize(count);
  }
  return attends;
}

void ReadLevels(ConfigReader& reader, UNetConfig& config) {
  const auto channels = reader.Get<std::vector<int64_t>>("block_out_channels", {320, 640, 1280, 1280});
  const size_t count = channels.size();
  RequirePositive(reader, "block_out_channels", channels);
  if (count == 0 || count > kMaxLevels) {
    reader.AddProblem("block_out_channels", "must have between 1 and 12 entries");
  }

  const auto layers = GetPositivePerLevel(reader, "layers_per_block", count, 2);
  const auto transformers = GetPositivePerLevel(reader, "transformer_layers_per_block", count, 1);
  for (const auto& [key, values] :
       {std::pair("layers_per_block", layers), {"transformer_layers_per_block", transformers}}) {
    const bool deep = std::any_of(values.begin(), values.end(), [](int64_t v) { return v > kMaxLayers; });
    if (deep) reader.AddProblem(key, "must be at most 64");
  }
  const auto heads = GetPositivePerLevel(reader, "attention_head_dim", count, 8);
  const auto features = GetPositivePerLevel(reader, "cross_attention_dim", count, 1280);
  const auto only_cross = reader.GetPerLevel<bool>("only_cross_attention", count, false);
  const auto down =
      ReadBlockTypes(reader, "down_block_types",
                     {"CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"},
                     "CrossAttnDownBlock2D", "DownBlock2D", count);
  // Listed from the coarsest level to the finest.
  const auto up = ReadBlockTypes(reader, "up_block_types",
                                 {"UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"},
                                 "CrossAttnUpBlock2D", "UpBlock2D", count);
  for (size_t i = 0; i < count; ++i) {
    config.levels.push_back({.channels = channels[i],
                             .layers = layers[i],
                             .transformer_layers = transformers[i],
                             .heads = heads[i],
                             .context_features = features[i],
                             .only_cross_attention = only_cross[i],
                             .down_attention = down[i],
                             .up_attention = up[count - 1 - i]});
    if (channels[i] % std::max<int64_t>(config.norm_groups, 1) != 0) {
      reader.AddProblem("norm_num_groups", std::to_string(config.norm_groups) + " does not divide the " +
                                               std::to_string(channels[i]) + " channels of a level");
    }
    if (heads[i] > channels[i]) {
      reader.AddProblem("attention_head_dim", std::to_string(heads[i]) + " heads for " + std::to_string(channels[i]) +
                                                  " channels (it is the number of heads)");
    }
  }
}

bool WrittenBefore09(ConfigReader& reader) {
  const nlohmann::json& version = reader.Raw("_diffusers_version");
  int major = 0, minor = 0;
  return version.is_string() &&
         std::sscanf(version.get_ref<const std::string&>().c_str(), "%d.%d", &major, &minor) == 2 && major == 0 &&
         minor < 9;
}

// sample_size: one number, or height and width.
void ReadSampleSize(ConfigReader& reader, UNetConfig& config) {
  const std::vector<int64_t> size = reader.GetPerLevel<int64_t>("sample_size", 2, config.sample_height);
  for (const int64_t edge : size) {
    if (edge < 1 || edge > kMaxSampleSize) {
      reader.AddProblem("sample_size", "must be between 1 and 4096");
    }
  }
  config.sample_height = size[0];
  config.sample_width = size[1];
  config.old_sample_size = !reader.Raw("sample_size").is_array() && WrittenBefore09(reader);
}

void CheckNumbers(ConfigReader& reader, const UNetConfig& config) {
  if (!(config.norm_eps > 0)) reader.AddProblem("norm_eps", "must be above 0");
  if (!(config.mid_block_scale > 0)) reader.AddProblem("mid_block_scale_factor", "must be above 0");
  const bool fits = !config.levels.empty() && config.freq_shift >= 0 &&
                    config.freq_shift < static_cast<double>(config.levels[0].channels / 2);
  if (!fits) reader.AddProblem("freq_shift", "must be at least 0 and below half the first level's channels");
}

void ReadAdded(ConfigReader& reader, UNetConfig& config) {
  if (!reader.Has("addition_embed_type")) {
    for (const char* key : {"addition_time_embed_dim", "projection_class_embeddings_input_dim"}) {
      reader.Only(key, nullptr);
    }
  } else {
    config.added_features = GetPositive(reader, "projection_class_embeddings_input_dim", 0);
    config.added_number_features = GetPositive(reader, "addition_time_embed_dim", 0);
    if (config.added_number_features >= config.added_features) {
      reader.AddProblem("projection_class_embeddings_input_dim", "must be above addition_time_embed_dim");
    }
    const auto half = static_cast<double>(config.added_number_features / 2);
    if (config.freq_shift >= half) reader.AddProblem("freq_shift", "must be below half of addition_time_embed_dim");
  }
  reader.Only("addition_embed_type", "text_time");
}

void ReadAttentionType(ConfigReader& reader, UNetConfig& config) {
  const auto type = reader.Get<std::string>("attention_type", "default");
  config.gated = type == "gated";
  if (type != "default" && type != "gated") {
    reader.AddProblem("attention_type", "'" + type + "' is not supported (supported: default, gated)");
  }
  // One network makes the objects for all levels.
  const bool alike = std::all_of(config.levels.begin(), config.levels.end(), [&](const UNetLevel& level) {
    return level.context_features == config.levels.front().context_features;
  });
  if (config.gated && !alike)
    reader.AddProblem("cross_attention_dim", "must be one number when attention_type is gated");
}

void RefuseUnsupported(ConfigReader& reader) {
  for (const char* key :
       {"num_attention_heads", "reverse_transformer_layers_per_block", "encoder_hid_dim", "encoder_hid_dim_type",
        "class_embed_type", "time_embedding_act_fn", "timestep_post_act", "cross_attention_norm"}) {
    reader.Only(key, nullptr);
  }
  reader.Only("dual_cross_attention", false);
  reader.Only("resnet_skip_time_act", false);
  reader.Only("class_embeddings_concat", false);
  reader.Only("resnet_out_scale_factor", 1.0);
  reader.Only("resnet_time_scale_shift", "default");
  reader.Only("time_embedding_type", "positional");
}

}  // namespace

UNetConfig ReadUNetConfig(ConfigReader reader) {
  UNetConfig config;
  config.in_channels = GetPositive(reader, "in_channels", 4);
  config.out_channels = GetPositive(reader, "out_channels", 4);
  config.norm_groups = GetPositive(reader, "norm_num_groups", 32);
  ReadLevels(reader, config);

  config.has_mid_block = !reader.IsNull("mid_block_type");
  reader.Only("mid_block_type", "UNetMidBlock2DCrossAttn");
  config.center_input = reader.Get("center_input_sample", false);
  config.flip_sin_to_cos = reader.Get("flip_sin_to_cos", true);
  config.freq_shift = reader.Get("freq_shift", 0.0);
  config.time_features =
      GetPositive(reader, "time_embedding_dim", config.levels.empty() ? 1 : 4 * config.levels[0].channels);
  if (const auto features = reader.GetOptional<int64_t>("time_cond_proj_dim")) {
    config.guidance_features = *features;
    // The embedding's frequencies lie between those of two pairs at least.
    if (*features < 4 || *features > kMaxChannels) reader.AddProblem("time_cond_proj_dim", "must be from 4 to 65536");
  }
  config.downsample_padding = reader.Get<int64_t>("downsample_padding", 1);
  if (config.downsample_padding != 0 && config.downsample_padding != 1) {
    reader.AddProblem("downsample_padding", "must be 0 or 1");
  }
  config.mid_block_scale = reader.Get("mid_block_scale_factor", 1.0);
  config.activation = ReadActivation(reader, "act_fn");
  config.norm_eps = reader.Get("norm_eps", 1e-5);
  config.linear_projection = reader.Get("use_linear_projection", false);
  config.conv_in_kernel = GetPositive(reader, "conv_in_kernel", 3);
  config.conv_out_kernel = GetPositive(reader, "conv_out_kernel", 3);

  ReadAttentionType(reader, config);

  if (reader.Has("num_class_embeds")) config.classes = reader.GetCount("num_class_embeds", 1);
  reader.Ignore({"num_class_embeds"});

  ReadSampleSize(reader, config);
  CheckNumbers(reader, config);
  ReadAdded(reader, config);
  RefuseUnsupported(reader);
  // Read for its type alone: scores are float32 here for every type of the network, which is what it asks for.
  reader.Get("upcast_attention", false);
  // dropout: only in training. The others belong to features that are refused above, or (the last one) to another
  // middle block.
  reader.Ignore({"dropout", "addition_embed_type_num_heads", "mid_block_only_cross_attention"});
  reader.Finish();
  return config;
}

}  // namespace latentd::model
