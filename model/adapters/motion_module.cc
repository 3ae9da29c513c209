#include "model/adapters/motion_module.h"

#include <ATen/core/grad_mode.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <string>
#include <vector>

#include "model/config/config_reader.h"
#include "model/errors.h"
#include "model/layers/linear.h"
#include "model/layers/network_bytes.h"
#include "model/unet/frame_windows.h"
#include "model/weights/key_maps/motion_keys.h"
#include "model/weights/load_weights.h"
#include "model/weights/renamed_source.h"
#include "model/weights/safetensors_file.h"

namespace latentd::model {
namespace {

namespace fs = std::filesystem;

constexpr int64_t kHeads = 8;  // of all published ones
constexpr int64_t kMaxKnownFrames = 4096;
constexpr char kPositions[] = ".pos_embed.pe";

bool IsOriginal(const TensorSource& source) {
  return std::any_of(source.tensors().begin(), source.tensors().end(),
                     [](const auto& item) { return IsOriginalMotionKey(item.first); });
}

// What the tensors tell. Diffusers' names.
MotionConfig ConfigOf(const TensorSource& source, size_t levels) {
  MotionConfig config{.heads = std::vector<int64_t>(levels, kHeads), .has_mid_block = false};
  bool found = false;
  for (const auto& [name, info] : source.tensors()) {
    config.has_mid_block = config.has_mid_block || name.starts_with("mid_block.");
    if (found || !name.ends_with(kPositions) || info.shape.size() != 3) continue;
    found = true;
    config.known_frames = info.shape[1];
  }
  if (!found || config.known_frames < 1 || config.known_frames > kMaxKnownFrames) {
    throw ModelError(source.where(), {"has no positions of 1 to 4096 frames (" + std::string(kPositions + 1) + ")"});
  }
  return config;
}

// What diffusers' config.json adds to it.
void ReadConfig(ConfigReader reader, const UNetConfig& unet, MotionConfig& config) {
  std::vector<int64_t> channels, layers;
  for (const UNetLevel& level : unet.levels) {
    channels.push_back(level.channels);
    layers.push_back(level.layers);
  }
  const size_t levels = unet.levels.size();
  const auto text = [](const std::vector<int64_t>& values) { return nlohmann::json(values).dump(); };
  if (const auto own = reader.Get<std::vector<int64_t>>("block_out_channels", {320, 640, 1280, 1280});
      own != channels) {
    reader.AddProblem("block_out_channels", "is " + text(own) + "; the model's U-Net has " + text(channels));
  }
  if (const auto own = reader.GetPerLevel<int64_t>("motion_layers_per_block", levels, 2); own != layers) {
    reader.AddProblem("motion_layers_per_block", "is " + text(own) + "; the model's U-Net has " + text(layers));
  }
  config.heads = reader.GetPerLevel<int64_t>("motion_num_attention_heads", levels, kHeads);
  config.known_frames = reader.Get<int64_t>("motion_max_seq_length", 32);
  config.has_mid_block = reader.Get("use_motion_mid_block", true);
  if (config.known_frames < 1 || config.known_frames > kMaxKnownFrames) {
    reader.AddProblem("motion_max_seq_length", "must be from 1 to 4096");
  }
  for (const char* key : {"motion_transformer_layers_per_block", "motion_mid_block_layers_per_block",
                          "motion_transformer_layers_per_mid_block"}) {
    for (const int64_t count : reader.Raw(key).is_array() ? reader.Get<std::vector<int64_t>>(key, {1})
                                                          : std::vector<int64_t>{reader.Get<int64_t>(key, 1)}) {
      if (count != 1) reader.AddProblem(key, "is supported with the value 1 only");
    }
  }
  reader.Only("conv_in_channels", nullptr);
  // Fields of old files.
  reader.Only("motion_activation_fn", "geglu");
  reader.Only("motion_attention_bias", false);
  reader.Only("motion_cross_attention_dim", nullptr);
  reader.Ignore({"motion_norm_num_groups"});  // see MotionAdapterImpl
  reader.Finish();
}

bool IsMotionAdapterConfig(const fs::path& file) {
  std::error_code error;
  if (!fs::exists(file, error)) return false;
  const nlohmann::json name = ConfigReader::FromFile(file).Raw("_class_name");
  return name.is_null() || name == "MotionAdapter";
}

void CheckHeads(const MotionConfig& config, const UNetConfig& unet, const std::string& where) {
  std::vector<std::string> problems;
  for (size_t i = 0; i < unet.levels.size(); ++i) {
    if (config.heads[i] > 0 && unet.levels[i].channels % config.heads[i] == 0) continue;
    problems.push_back(std::to_string(config.heads[i]) + " heads do not divide the " +
                       std::to_string(unet.levels[i].channels) + " channels of a level");
  }
  if (!problems.empty()) throw ModelError(where, std::move(problems));
}

void ComputePositions(torch::nn::Module& network) {
  const at::NoGradGuard no_grad;
  for (const auto& item : network.named_buffers()) {
    item.value().copy_(FramePositions(item.value().size(1), item.value().size(2)));
  }
}

}  // namespace

int64_t MotionModule::memory_bytes() const {
  int64_t bytes = NetworkBytes(*network_);
  for (const at::Tensor& buffer : network_->buffers()) bytes += static_cast<int64_t>(buffer.nbytes());
  return bytes;
}

at::Tensor MotionModule::BeginNoise(const at::Tensor& noise, at::Generator& generator) const {
  return ShuffleNoise(noise, network_->config().known_frames, generator);
}

std::shared_ptr<const MotionModule> ReadMotionModule(const fs::path& file, const UNetConfig& unet,
                                                     const at::TensorOptions& options) {
  std::shared_ptr<const TensorSource> source = SafetensorsFile::Open(file);
  const bool original = IsOriginal(*source);
  if (original) source = RenamedSource::Select(source, MotionKeys);
  MotionConfig config = ConfigOf(*source, unet.levels.size());
  const fs::path config_file = file.parent_path() / "config.json";
  if (!original && IsMotionAdapterConfig(config_file)) ReadConfig(ConfigReader::FromFile(config_file), unet, config);
  CheckHeads(config, unet, source->where());
  MotionAdapter network(unet, config, options);
  LoadWeights(*network, *source);
  if (original) ComputePositions(*network);
  return std::make_shared<MotionModule>(std::move(network));
}

std::unique_ptr<const AdaptableNetwork> MotionLayers(const UNetConfig& unet, const at::TensorOptions& options) {
  const MotionConfig config{.heads = std::vector<int64_t>(unet.levels.size(), 1)};
  const MotionAdapter network(unet, config, options.device(at::kMeta));
  const at::Tensor nothing = at::empty({1}, options);
  for (const auto& module : network->modules(/*include_self=*/false)) {
    const auto layer = std::dynamic_pointer_cast<LinearImpl>(module);
    if (layer != nullptr) layer->weight = nothing.expand(layer->weight.sizes());
  }
  return std::make_unique<AdaptableNetwork>(kMotionNetwork, *network);
}

}  // namespace latentd::model
