#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/pipeline/clip_pair_conditioner.h"
#include "model/pipeline/kl_codec.h"
#include "model/pipeline/layouts.h"
#include "model/pipeline/stable_diffusion_checks.h"
#include "model/pipeline/stable_diffusion_xl_parts.h"
#include "model/pipeline/unet_denoiser.h"
#include "model/weights/key_maps/clip_keys.h"
#include "model/weights/key_maps/vae_keys.h"

namespace latentd::model {
namespace {

constexpr int kDefaultSteps = 25;
constexpr double kGuidanceScale = 5;  // as diffusers' StableDiffusionXLPipeline

// Numbers that the U-Net is told beside the text.
constexpr int64_t kSizes = 6;               // original size, crop, target size
constexpr int64_t kSizesWithAesthetic = 5;  // original size, crop, score

using Parts = StableDiffusionXlParts;

// A component that the pipeline does without is null, or a pair of nulls.
bool IsAbsent(ConfigReader& index, const std::string& name) {
  const nlohmann::json& value = index.Raw(name);
  return value.is_null() || (value.is_array() && value.size() == 2 && value[1].is_null());
}

StableDiffusionXlTraits ReadTraits(FolderReader& reader) {
  StableDiffusionXlTraits traits;
  reader.Part([&] {
    ConfigReader index = ConfigReader::FromFile(reader.path() / "model_index.json");
    traits.has_first_encoder = !IsAbsent(index, "text_encoder");
    traits.zeros_for_empty_negative = index.Get("force_zeros_for_empty_prompt", true);
    traits.takes_aesthetic_score = index.Get("requires_aesthetics_score", false);
  });
  std::vector<std::pair<std::string, std::string>> components = {{"unet", "UNet2DConditionModel"},
                                                                 {"vae", "AutoencoderKL"},
                                                                 {"text_encoder_2", "CLIPTextModelWithProjection"},
                                                                 {"tokenizer_2", "CLIPTokenizer"}};
  if (traits.has_first_encoder) {
    components.insert(components.end(), {{"text_encoder", "CLIPTextModel"}, {"tokenizer", "CLIPTokenizer"}});
  }
  reader.CheckIndex(components, {"scheduler", "text_encoder", "tokenizer", "image_encoder", "feature_extractor",
                                 "force_zeros_for_empty_prompt", "requires_aesthetics_score", "add_watermarker"});
  return traits;
}

void CheckFit(const Parts& parts, PartReader& reader) {
  const UNetConfig& unet = parts.unet->config;
  const ClipTextConfig& second = parts.text_2->config;
  const int64_t features = second.hidden_size + (parts.text ? parts.text->config.hidden_size : 0);
  CheckUNetFits(unet, parts.vae->config.latent_channels, features, "the text encoders' hidden_size together", reader);
  if (unet.classes > 0) reader.AddProblem("unet: num_class_embeds: a model of this pipeline is told no class");
  const int64_t numbers = parts.traits.takes_aesthetic_score ? kSizesWithAesthetic : kSizes;
  const int64_t added = second.projection_dim + numbers * unet.added_number_features;
  if (unet.added_features == 0) {
    reader.AddProblem("unet: addition_embed_type must be \"text_time\"");
  } else if (unet.added_features != added) {
    reader.AddProblem("unet: projection_class_embeddings_input_dim must be " + std::to_string(added) +
                      ": text_encoder_2's projection_dim and " + std::to_string(numbers) +
                      " times addition_time_embed_dim (requires_aesthetics_score of model_index.json says how many)");
  }
  if (parts.text) {
    const int64_t first_window = parts.tokenizer().window();
    const int64_t second_window = parts.tokenizer_2().window();
    if (first_window != second_window) {
      reader.AddProblem("tokenizer_2: has a window of " + std::to_string(second_window) + " tokens, tokenizer one of " +
                        std::to_string(first_window));
    }
  }
}

// As diffusers' pipelines of Stable Diffusion XL: a VAE that overflows in float16 runs in float32.
at::TensorOptions VaeOptions(const VaeConfig& vae, const at::TensorOptions& options) {
  const bool overflows = vae.force_upcast && options.dtype() == at::kHalf;
  return overflows ? options.dtype(at::kFloat) : options;
}

PipelineParts Load(const Parts& parts, const at::TensorOptions& options) {
  PipelineParts loaded;
  loaded.device = options.device();
  loaded.sampler = parts.sampler;
  std::optional<ClipPairConditioner::First> first;
  if (parts.text) {
    first.emplace(ClipPairConditioner::First{.tokenizer = parts.tokenizer(),
                                             .encoder = parts.text->Load<ClipTextModel>(options)});
  }
  loaded.conditioner = std::make_unique<ClipPairConditioner>(
      std::move(first),
      ClipPairConditioner::Second{.tokenizer = parts.tokenizer_2(),
                                  .encoder = parts.text_2->Load<ClipTextModelWithProjection>(options)},
      ClipPairConditioner::Options{.tensors = options,
                                   .zeros_for_empty_negative = parts.traits.zeros_for_empty_negative});
  loaded.denoiser = std::make_unique<SizedTextDenoiser>(parts.unet->Load<UNet2DConditionModel>(options),
                                                        parts.traits.takes_aesthetic_score);
  const at::TensorOptions vae_options = VaeOptions(parts.vae->config, options);
  loaded.codec = std::make_unique<KlCodec>(parts.vae->Load<AutoencoderKL>(vae_options), vae_options);
  loaded.starter = MakeStarter(parts.unet->config, parts.vae->config.latent_channels);
  return loaded;
}

// Layers that a clip skip can choose from: the last one never counts.
int TextLayers(const Parts& parts) {
  int64_t layers = parts.text_2->config.layers;
  if (parts.text) layers = std::min(layers, parts.text->config.layers);
  return static_cast<int>(layers - 1);
}

ModelFolder Describe(const Parts& parts) {
  const UNetConfig& unet = parts.unet->config;
  const int scale = static_cast<int>(parts.vae->config.Scale());
  ModelFolder folder;
  folder.architecture = parts.traits.takes_aesthetic_score ? "stable-diffusion-xl-refiner" : "stable-diffusion-xl";
  folder.sampler = parts.sampler;
  folder.native_width = static_cast<int>(unet.sample_width) * scale;
  folder.native_height = static_cast<int>(unet.sample_height) * scale;
  folder.size_multiple = scale;
  folder.takes_text = true;
  folder.weighs_prompts = true;
  folder.takes_prompt_2 = parts.text != nullptr;
  folder.takes_size_conditioning = true;
  folder.takes_aesthetic_score = parts.traits.takes_aesthetic_score;
  // diffusers' pipeline for text alone has no aesthetic score.
  folder.needs_picture = parts.traits.takes_aesthetic_score;
  folder.inpaints_only = Inpaints(unet, parts.vae->config.latent_channels);
  folder.latent_channels = static_cast<int>(parts.vae->config.latent_channels);
  folder.latent_scale = scale;
  folder.text_layers = TextLayers(parts);
  folder.prompt_tokens = static_cast<int>(parts.text_2->config.max_positions);
  folder.default_steps = kDefaultSteps;
  folder.guidance_scale = kGuidanceScale;
  folder.parameters = parts.text_2->parameters + parts.unet->parameters + parts.vae->parameters;
  if (parts.text) folder.parameters += parts.text->parameters;
  if (parts.vae->config.force_upcast) folder.upcast_parameters = parts.vae->parameters;
  return folder;
}

}  // namespace

ModelFolder MakeStableDiffusionXl(StableDiffusionXlParts parts, PartReader& reader) {
  if (parts.traits.has_first_encoder) {
    reader.Part([&] { CheckTokenizer(parts.tokenizer(), "tokenizer", parts.text.get(), reader); });
  }
  reader.Part([&] { CheckTokenizer(parts.tokenizer_2(), "tokenizer_2", parts.text_2.get(), reader); });
  reader.Finish();
  CheckFit(parts, reader);
  reader.Finish();

  ModelFolder folder = Describe(parts);
  folder.load = [parts = std::move(parts)](const at::TensorOptions& options) { return Load(parts, options); };
  return folder;
}

ModelFolder OpenStableDiffusionXl(FolderReader& reader) {
  const auto tokenizer = [&reader](const std::string& name) {
    return [folder = reader.PathOf(name)] { return ClipTokenizer::FromFolder(folder); };
  };
  StableDiffusionXlParts parts;
  parts.traits = ReadTraits(reader);
  parts.tokenizer_2 = tokenizer("tokenizer_2");
  parts.text_2 = reader.Open<ClipTextModelWithProjection>("text_encoder_2", ReadClipTextConfig, PrefixedClipKey,
                                                          {.may_ignore = IsClipConstant});
  parts.unet = reader.Open<UNet2DConditionModel>("unet", ReadUNetConfig);
  parts.vae = reader.Open<AutoencoderKL>("vae", ReadVaeConfig, ModernVaeKey);
  reader.Part([&] { parts.sampler = SamplerConfig::FromFile(reader.SamplerFile()); });
  if (parts.traits.has_first_encoder) {
    parts.tokenizer = tokenizer("tokenizer");
    parts.text =
        reader.Open<ClipTextModel>("text_encoder", ReadClipTextConfig, PrefixedClipKey, {.may_ignore = IsClipConstant});
  }
  return MakeStableDiffusionXl(std::move(parts), reader);
}

}  // namespace latentd::model
