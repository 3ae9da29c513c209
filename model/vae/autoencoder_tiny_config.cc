#include "model/vae/autoencoder_tiny_config.h"

#include <algorithm>
#include <cmath>
#include <string>

#include "model/layers/activation.h"

namespace latentd::model {
namespace {

constexpr size_t kMaxStages = 12;
constexpr int64_t kMaxBlocks = 64;
constexpr int64_t kMaxFactor = 8;
constexpr int64_t kMaxScale = 64;

// The blocks of each stage, and the channels that all stages have.
void ReadStages(ConfigReader& reader, const std::string& side, std::vector<int64_t>& blocks, int64_t& channels) {
  const std::string blocks_key = "num_" + side + "_blocks";
  const std::string channels_key = side + "_block_out_channels";
  blocks = reader.Get(blocks_key, blocks);
  const auto per_stage = reader.Get<std::vector<int64_t>>(channels_key, std::vector<int64_t>(4, channels));
  if (blocks.empty() || blocks.size() > kMaxStages) {
    reader.AddProblem(blocks_key, "must have between 1 and 12 entries");
  }
  const auto many = [](int64_t count) { return count < 0 || count > kMaxBlocks; };
  if (std::any_of(blocks.begin(), blocks.end(), many)) reader.AddProblem(blocks_key, "must be between 0 and 64");
  if (per_stage.size() != blocks.size()) {
    reader.AddProblem(channels_key, "has " + std::to_string(per_stage.size()) + " entries, " + blocks_key + " has " +
                                        std::to_string(blocks.size()));
  }
  channels = per_stage.empty() ? 0 : per_stage.front();
  // The convolution between two stages keeps the number of channels, so that the reference cannot run others either.
  const bool one = std::all_of(per_stage.begin(), per_stage.end(), [&](int64_t c) { return c == channels; });
  if (!one || channels < 1 || channels > ConfigReader::kMaxCount) {
    reader.AddProblem(channels_key, "must be one number between 1 and 65536, the same for every stage");
  }
}

}  // namespace

int64_t AutoencoderTinyConfig::EncoderScale() const { return int64_t{1} << (encoder_blocks.size() - 1); }

int64_t AutoencoderTinyConfig::DecoderScale() const {
  int64_t scale = 1;
  for (size_t i = 1; i < decoder_blocks.size(); ++i) scale *= upsampling_factor;
  return scale;
}

AutoencoderTinyConfig ReadAutoencoderTinyConfig(ConfigReader reader) {
  AutoencoderTinyConfig config;
  config.in_channels = reader.GetCount("in_channels", 3);
  config.out_channels = reader.GetCount("out_channels", 3);
  config.latent_channels = reader.GetCount("latent_channels", 4);
  config.encoder_blocks = {1, 3, 3, 3};
  config.decoder_blocks = {3, 3, 3, 1};
  ReadStages(reader, "encoder", config.encoder_blocks, config.encoder_channels);
  ReadStages(reader, "decoder", config.decoder_blocks, config.decoder_channels);
  config.upsampling_factor = reader.GetCount("upsampling_scaling_factor", 2);
  if (config.upsampling_factor > kMaxFactor) {
    reader.AddProblem("upsampling_scaling_factor", "must be at most 8");
  } else if (config.decoder_blocks.size() <= kMaxStages && config.DecoderScale() > kMaxScale) {
    reader.AddProblem("upsampling_scaling_factor", "enlarges by more than 64 in all");
  }
  // Nearest and nearest-exact are the same for whole factors.
  reader.GetChoice("upsample_fn", "nearest", {"nearest", "nearest-exact"});
  config.activation = ReadActivation(reader, "act_fn", "relu");
  config.latent_magnitude = reader.Get("latent_magnitude", 3.0);
  if (!(config.latent_magnitude > 0)) reader.AddProblem("latent_magnitude", "must be above 0");
  config.latent_shift = reader.Get("latent_shift", 0.5);
  if (!std::isfinite(config.latent_shift)) reader.AddProblem("latent_shift", "must be finite");
  config.scaling_factor = reader.Get("scaling_factor", 1.0);
  if (!(config.scaling_factor > 0)) reader.AddProblem("scaling_factor", "must be above 0");
  reader.Only("shift_factor", 0.0);
  // The reference overwrites the first with false and the second with decoder_block_out_channels.
  reader.Ignore({"force_upcast", "block_out_channels"});
  reader.Finish();
  return config;
}

}  // namespace latentd::model
