#include "model/pipeline/model_folder.h"

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "model/config/config_reader.h"
#include "model/errors.h"
#include "model/text/clip_text_model.h"
#include "model/text/clip_tokenizer.h"
#include "model/unet/unet.h"
#include "model/vae/vae.h"
#include "model/weights/key_maps/clip_keys.h"
#include "model/weights/key_maps/vae_keys.h"
#include "model/weights/load_weights.h"
#include "model/weights/open_component.h"
#include "model/weights/renamed_source.h"

namespace latentd::model {
namespace {

// The classes that model_index.json must name. Components that this pipeline does without (safety checker, image
// encoder) may be named or null.
void ReadIndex(const std::filesystem::path& file, ModelFolder& folder) {
  ConfigReader index = ConfigReader::FromFile(file);
  // Our own key; diffusers passes over those that begin with an underscore.
  constexpr char kGuidanceScale[] = "_latentd_guidance_scale";
  folder.guidance_scale = index.GetOptional<double>(kGuidanceScale);
  if (const double scale = folder.guidance_scale.value_or(0); !(scale >= 0 && scale <= 100)) {
    index.AddProblem(kGuidanceScale, index.Raw(kGuidanceScale).dump() + " is not between 0 and 100");
  }
  const nlohmann::json& pipeline = index.Raw("_class_name");
  if (pipeline != "StableDiffusionPipeline") {
    index.AddProblem("_class_name", pipeline.dump() + " is not supported (supported: \"StableDiffusionPipeline\")");
  }
  const auto component = [&](const std::string& name, const std::string& wanted) {
    const nlohmann::json& value = index.Raw(name);
    if (!value.is_array() || value.size() != 2 || !value[1].is_string()) {
      return index.AddProblem(name, "must be a pair such as [\"diffusers\", \"" + wanted + "\"]");
    }
    const auto given = value[1].get<std::string>();
    if (given != wanted && given != wanted + "Fast") {
      index.AddProblem(name, given + " is not supported (supported: " + wanted + ")");
    }
  };
  component("unet", "UNet2DConditionModel");
  component("vae", "AutoencoderKL");
  component("text_encoder", "CLIPTextModel");
  component("tokenizer", "CLIPTokenizer");
  index.Ignore({"scheduler", "safety_checker", "feature_extractor", "requires_safety_checker", "image_encoder"});
  index.Finish();
}

int64_t CountParameters(const torch::nn::Module& module) {
  int64_t count = 0;
  for (const at::Tensor& parameter : module.parameters()) count += parameter.numel();
  return count;
}

std::string Architecture(const UNetConfig& unet) {
  const int64_t features = unet.levels.empty() ? 0 : unet.levels.front().context_features;
  if (features == 768) return "stable-diffusion-1";
  if (features == 1024) return "stable-diffusion-2";
  return "stable-diffusion";
}

}  // namespace

ModelFolder ModelFolder::Open(const std::filesystem::path& path) {
  ModelFolder folder;
  folder.path = path;
  std::vector<std::string> problems;
  const auto part = [&](const std::function<void()>& read) {
    try {
      read();
      return true;
    } catch (const ModelError& error) {
      for (const std::string& problem : error.problems()) {
        problems.push_back(std::filesystem::path(error.where()).lexically_relative(path).string() + ": " + problem);
      }
      return false;
    }
  };
  const at::TensorOptions meta = at::TensorOptions().device(at::kMeta);

  part([&] { ReadIndex(path / "model_index.json", folder); });
  part([&] {
    folder.sampler = SamplerConfig::FromFile(path / "scheduler" / "scheduler_config.json");
    folder.sampler.stable_diffusion_pipeline = true;
  });
  const bool text_read =
      part([&] { folder.text = ReadClipTextConfig(ConfigReader::FromFile(path / "text_encoder" / "config.json")); });
  part([&] {
    const ClipTokenizer tokenizer = ClipTokenizer::FromFolder(path / "tokenizer");
    std::vector<std::string> wrong;
    if (text_read && tokenizer.vocab_size() > folder.text.vocab_size) {
      wrong.push_back("has " + std::to_string(tokenizer.vocab_size()) + " tokens; the text encoder has " +
                      std::to_string(folder.text.vocab_size));
    }
    if (text_read && tokenizer.window() > folder.text.max_positions) {
      wrong.push_back("has a window of " + std::to_string(tokenizer.window()) + " tokens; the text encoder has " +
                      std::to_string(folder.text.max_positions));
    }
    if (!wrong.empty()) throw ModelError((path / "tokenizer").string(), std::move(wrong));
  });
  if (text_read) {
    part([&] {
      folder.text_weights = RenamedSource::Make(OpenComponent(path / "text_encoder"), PrefixedClipKey);
      ClipTextModel network(folder.text, meta);
      CheckWeights(*network, *folder.text_weights, {.may_ignore = IsClipConstant});
      folder.parameters += CountParameters(*network);
    });
  }
  if (part([&] { folder.unet = ReadUNetConfig(ConfigReader::FromFile(path / "unet" / "config.json")); })) {
    part([&] {
      folder.unet_weights = OpenComponent(path / "unet");
      UNet2DConditionModel network(folder.unet, meta);
      CheckWeights(*network, *folder.unet_weights);
      folder.parameters += CountParameters(*network);
    });
    folder.architecture = Architecture(folder.unet);
  }
  if (part([&] { folder.vae = ReadVaeConfig(ConfigReader::FromFile(path / "vae" / "config.json")); })) {
    part([&] {
      folder.vae_weights = RenamedSource::Make(OpenComponent(path / "vae"), ModernVaeKey);
      AutoencoderKL network(folder.vae, meta);
      CheckWeights(*network, *folder.vae_weights);
      folder.parameters += CountParameters(*network);
    });
  }
  if (!problems.empty()) throw ModelError(path.string(), std::move(problems));

  if (folder.unet.in_channels != folder.vae.latent_channels || folder.unet.out_channels != folder.vae.latent_channels) {
    problems.push_back("unet/config.json: in_channels and out_channels must be the VAE's " +
                       std::to_string(folder.vae.latent_channels) + " latent channels");
  }
  const auto& levels = folder.unet.levels;
  const bool reads_text = std::all_of(levels.begin(), levels.end(), [&](const UNetLevel& level) {
    const bool attends =
        level.down_attention || level.up_attention || (&level == &levels.back() && folder.unet.has_mid_block);
    return !attends || level.context_features == folder.text.hidden_size;
  });
  if (!reads_text) {
    problems.push_back("unet/config.json: cross_attention_dim must be the text encoder's hidden_size, " +
                       std::to_string(folder.text.hidden_size));
  }
  if (!problems.empty()) throw ModelError(path.string(), std::move(problems));
  folder.native_width = static_cast<int>(folder.unet.sample_width * folder.vae.Scale());
  folder.native_height = static_cast<int>(folder.unet.sample_height * folder.vae.Scale());
  return folder;
}

}  // namespace latentd::model
