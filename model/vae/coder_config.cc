#include "model/vae/coder_config.h"

#include <algorithm>
#include <string>

#include "model/layers/activation.h"

namespace latentd::model {
namespace {

constexpr size_t kMaxLevels = 12;

// Which levels attend, in the order of the file.
std::vector<bool> ReadBlockTypes(ConfigReader& reader, const std::string& key, const std::string& plain,
                                 const std::string& attending, size_t count) {
  std::vector<bool> attends;
  for (const std::string& name : reader.Get<std::vector<std::string>>(key, {plain})) {
    if (name != plain && name != attending) {
      reader.AddProblem(key, "'" + name + "' is not supported (supported: " + plain + ", " + attending + ")");
    }
    attends.push_back(name == attending);
  }
  if (attends.size() != count) {
    reader.AddProblem(
        key, "has " + std::to_string(attends.size()) + " entries, block_out_channels has " + std::to_string(count));
    attends.resize(count);
  }
  return attends;
}

}  // namespace

void ReadCoderConfig(ConfigReader& reader, CoderConfig& config) {
  config.in_channels = reader.GetCount("in_channels", 3);
  config.out_channels = reader.GetCount("out_channels", 3);
  config.latent_channels = reader.GetCount("latent_channels", config.latent_channels);
  config.norm_groups = reader.GetCount("norm_num_groups", 32);
  config.channels = reader.Get<std::vector<int64_t>>("block_out_channels", {64});
  if (config.channels.empty() || config.channels.size() > kMaxLevels) {
    reader.AddProblem("block_out_channels", "must have between 1 and 12 entries");
  }
  for (const int64_t channels : config.channels) {
    if (channels < 1 || channels > ConfigReader::kMaxCount || channels % config.norm_groups != 0) {
      reader.AddProblem("block_out_channels", std::to_string(channels) + " is not a multiple of norm_num_groups (" +
                                                  std::to_string(config.norm_groups) + ") between 1 and 65536");
    }
  }
  const size_t count = config.channels.size();
  config.down_attention =
      ReadBlockTypes(reader, "down_block_types", "DownEncoderBlock2D", "AttnDownEncoderBlock2D", count);
  config.up_attention = ReadBlockTypes(reader, "up_block_types", "UpDecoderBlock2D", "AttnUpDecoderBlock2D", count);
  // Listed from the coarsest level to the finest.
  std::reverse(config.up_attention.begin(), config.up_attention.end());
  config.layers = reader.GetCount("layers_per_block", 1);
  config.activation = ReadActivation(reader, "act_fn");
  config.mid_attention = reader.Get("mid_block_add_attention", true);
  // One number, or height and width.
  const auto sample = reader.GetPerLevel<int64_t>("sample_size", 2, 32);
  config.sample_size = std::min(sample[0], sample[1]);
  if (config.sample_size < 1 || config.sample_size > ConfigReader::kMaxCount) {
    reader.AddProblem("sample_size", "must be between 1 and 65536");
  }
  config.scaling_factor = reader.Get("scaling_factor", 0.18215);
  if (!(config.scaling_factor > 0)) reader.AddProblem("scaling_factor", "must be above 0");
}

}  // namespace latentd::model
