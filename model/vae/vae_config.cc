#include "model/vae/vae_config.h"

#include <algorithm>
#include <string>

#include "model/layers/activation.h"

namespace latentd::model {
namespace {

constexpr int64_t kMaxChannels = 1 << 16;
constexpr size_t kMaxLevels = 12;

int64_t GetPositive(ConfigReader& reader, const std::string& key, int64_t fallback) {
  const int64_t value = reader.Get<int64_t>(key, fallback);
  if (value < 1 || value > kMaxChannels) reader.AddProblem(key, "must be between 1 and 65536");
  return value;
}

void CheckBlockTypes(ConfigReader& reader, const std::string& key, const std::string& supported, size_t count) {
  const auto names = reader.Get<std::vector<std::string>>(key, {supported});
  for (const std::string& name : names) {
    if (name != supported) reader.AddProblem(key, "'" + name + "' is not supported (only " + supported + " is)");
  }
  if (names.size() != count) {
    reader.AddProblem(
        key, "has " + std::to_string(names.size()) + " entries, block_out_channels has " + std::to_string(count));
  }
}

}  // namespace

VaeConfig ReadVaeConfig(ConfigReader reader) {
  VaeConfig config;
  config.in_channels = GetPositive(reader, "in_channels", 3);
  config.out_channels = GetPositive(reader, "out_channels", 3);
  config.latent_channels = GetPositive(reader, "latent_channels", 4);
  config.norm_groups = GetPositive(reader, "norm_num_groups", 32);
  config.channels = reader.Get<std::vector<int64_t>>("block_out_channels", {64});
  if (config.channels.empty() || config.channels.size() > kMaxLevels) {
    reader.AddProblem("block_out_channels", "must have between 1 and 12 entries");
  }
  for (const int64_t channels : config.channels) {
    if (channels < 1 || channels > kMaxChannels || (config.norm_groups > 0 && channels % config.norm_groups != 0)) {
      reader.AddProblem("block_out_channels", std::to_string(channels) + " is not a multiple of norm_num_groups (" +
                                                  std::to_string(config.norm_groups) + ") between 1 and 65536");
    }
  }
  CheckBlockTypes(reader, "down_block_types", "DownEncoderBlock2D", config.channels.size());
  CheckBlockTypes(reader, "up_block_types", "UpDecoderBlock2D", config.channels.size());
  config.layers = GetPositive(reader, "layers_per_block", 1);
  config.activation = ReadActivation(reader, "act_fn");
  // One number, or height and width.
  const auto sample = reader.GetPerLevel<int64_t>("sample_size", 2, 32);
  config.sample_size = std::min(sample[0], sample[1]);
  if (config.sample_size < 1 || config.sample_size > kMaxChannels) {
    reader.AddProblem("sample_size", "must be between 1 and 65536");
  }
  config.scaling_factor = reader.Get("scaling_factor", 0.18215);
  if (!(config.scaling_factor > 0)) reader.AddProblem("scaling_factor", "must be above 0");
  config.force_upcast = reader.Get("force_upcast", true);
  config.quant_conv = reader.Get("use_quant_conv", true);
  config.post_quant_conv = reader.Get("use_post_quant_conv", true);
  config.mid_attention = reader.Get("mid_block_add_attention", true);
  for (const char* key : {"shift_factor", "latents_mean", "latents_std"}) reader.Only(key, nullptr);
  reader.Finish();
  return config;
}

}  // namespace latentd::model
