#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "model/pipeline/clip_conditioner.h"
#include "model/pipeline/layouts.h"
#include "model/pipeline/stable_diffusion_checks.h"
#include "model/pipeline/stable_diffusion_parts.h"
#include "model/pipeline/unet_denoiser.h"
#include "model/weights/key_maps/clip_keys.h"

namespace latentd::model {
namespace {

constexpr int kDefaultSteps = 25;
// As diffusers' LatentConsistencyModelPipeline.
constexpr int kConsistencySteps = 4;
constexpr double kEmbeddedGuidanceScale = 8.5;
constexpr int64_t kOldSampleSize = 64;

std::string Architecture(const UNetConfig& unet) {
  const int64_t features = unet.levels.empty() ? 0 : unet.levels.front().context_features;
  if (features == 768) return "stable-diffusion-1";
  if (features == 1024) return "stable-diffusion-2";
  return "stable-diffusion";
}

PipelineParts Load(const StableDiffusionParts& parts, const at::TensorOptions& options) {
  PipelineParts loaded;
  loaded.device = options.device();
  loaded.sampler = parts.sampler;
  loaded.conditioner =
      std::make_unique<ClipConditioner>(parts.tokenizer(), parts.text->Load<ClipTextModel>(options), options.device());
  loaded.denoiser = std::make_unique<TextDenoiser>(parts.unet->Load<UNet2DConditionModel>(options));
  parts.vae->load(options, loaded);
  loaded.starter = MakeStarter(parts.unet->config, parts.vae->latent_channels);
  return loaded;
}

// `changes_sampler`: see StableDiffusionParts.
ModelFolder OpenFolder(FolderReader& reader, bool latent_consistency, bool changes_sampler) {
  // Components that this pipeline does without may be named or null.
  reader.CheckIndex(
      {{"unet", "UNet2DConditionModel"}, {"text_encoder", "CLIPTextModel"}, {"tokenizer", "CLIPTokenizer"}},
      {"vae", "scheduler", "safety_checker", "feature_extractor", "requires_safety_checker", "image_encoder"});
  StableDiffusionParts parts;
  reader.Part([&] { parts.sampler = SamplerConfig::FromFile(reader.SamplerFile()); });
  parts.sampler.latent_consistency_pipeline = latent_consistency;
  parts.changes_sampler = changes_sampler;
  parts.tokenizer = [folder = reader.PathOf("tokenizer")] { return ClipTokenizer::FromFolder(folder); };
  parts.text =
      reader.Open<ClipTextModel>("text_encoder", ReadClipTextConfig, PrefixedClipKey, {.may_ignore = IsClipConstant});
  parts.unet = reader.Open<UNet2DConditionModel>("unet", ReadUNetConfig);
  parts.vae = OpenAutoencoder(reader);
  return MakeStableDiffusion(std::move(parts), reader);
}

}  // namespace

ModelFolder MakeStableDiffusion(StableDiffusionParts parts, PartReader& reader) {
  parts.sampler.stable_diffusion_pipeline = parts.changes_sampler;
  reader.Part([&] { CheckTokenizer(parts.tokenizer(), "tokenizer", parts.text.get(), reader); });
  reader.Finish();
  CheckUNetFits(parts.unet->config, parts.vae->latent_channels, parts.text->config.hidden_size,
                "the text encoder's hidden_size", reader);
  if (parts.unet->config.added_features > 0) {
    reader.AddProblem("unet: addition_embed_type: is for Stable Diffusion XL alone");
  }
  if (parts.unet->config.classes > 0) {
    reader.AddProblem("unet: num_class_embeds: a model of this pipeline is told no class");
  }
  if (parts.unet->config.gated && Inpaints(parts.unet->config, parts.vae->latent_channels)) {
    reader.AddProblem("unet: attention_type: \"gated\" is not supported for a U-Net that inpaints");
  }
  reader.Finish();

  ModelFolder folder;
  const UNetConfig& unet = parts.unet->config;
  const int scale = static_cast<int>(parts.vae->scale);
  folder.architecture = Architecture(unet);
  const auto native = [&](int64_t edge) {
    return static_cast<int>(unet.old_sample_size ? std::max(edge, kOldSampleSize) : edge) * scale;
  };
  folder.native_width = native(unet.sample_width);
  folder.native_height = native(unet.sample_height);
  folder.size_multiple = scale;
  folder.takes_text = true;
  folder.weighs_prompts = true;
  folder.latent_channels = static_cast<int>(parts.vae->latent_channels);
  folder.latent_scale = scale;
  folder.takes_boxes = unet.gated;
  folder.inpaints_only = Inpaints(unet, parts.vae->latent_channels);
  // diffusers has no clips of U-Nets that embed the guidance scale.
  folder.takes_motion =
      !folder.inpaints_only && unet.guidance_features == 0 && folder.architecture != "stable-diffusion-2";
  folder.text_layers = static_cast<int>(parts.text->config.layers);
  folder.prompt_tokens = static_cast<int>(parts.text->config.max_positions);
  folder.sampler = parts.sampler;
  folder.default_steps = IsConsistencySampler(folder.sampler.kind) ? kConsistencySteps : kDefaultSteps;
  folder.embeds_guidance = unet.guidance_features > 0;
  if (folder.embeds_guidance) folder.guidance_scale = kEmbeddedGuidanceScale;
  folder.parameters = parts.text->parameters + parts.unet->parameters + parts.vae->parameters;
  folder.load = [parts = std::move(parts)](const at::TensorOptions& options) { return Load(parts, options); };
  return folder;
}

ModelFolder OpenStableDiffusion(FolderReader& reader) {
  return OpenFolder(reader, /*latent_consistency=*/false, /*changes_sampler=*/true);
}

ModelFolder OpenGrounded(FolderReader& reader) {
  ModelFolder folder = OpenFolder(reader, /*latent_consistency=*/false, /*changes_sampler=*/false);
  if (!folder.takes_boxes) {
    reader.AddProblem("unet/config.json: attention_type: must be \"gated\": the pipeline grounds phrases in boxes");
  }
  reader.Finish();
  return folder;
}

ModelFolder OpenLatentConsistency(FolderReader& reader) {
  ModelFolder folder = OpenFolder(reader, /*latent_consistency=*/true, /*changes_sampler=*/false);
  if (!folder.embeds_guidance) {
    reader.AddProblem("unet/config.json: time_cond_proj_dim: must be set: the pipeline embeds the guidance scale");
  }
  reader.Finish();
  return folder;
}

}  // namespace latentd::model
