#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "model/pipeline/autoencoder_part.h"
#include "model/pipeline/clip_conditioner.h"
#include "model/pipeline/layouts.h"
#include "model/pipeline/stable_diffusion_checks.h"
#include "model/pipeline/unet_denoiser.h"
#include "model/text/clip_text_config.h"
#include "model/unet/unet_config.h"
#include "model/weights/key_maps/clip_keys.h"

namespace latentd::model {
namespace {

constexpr int kDefaultSteps = 25;
// As diffusers' LatentConsistencyModelPipeline.
constexpr int kConsistencySteps = 4;
constexpr double kEmbeddedGuidanceScale = 8.5;

struct Components {
  std::filesystem::path tokenizer;
  std::shared_ptr<const Component<ClipTextConfig>> text;
  std::shared_ptr<const Component<UNetConfig>> unet;
  std::optional<AutoencoderPart> vae;
};

std::string Architecture(const UNetConfig& unet) {
  const int64_t features = unet.levels.empty() ? 0 : unet.levels.front().context_features;
  if (features == 768) return "stable-diffusion-1";
  if (features == 1024) return "stable-diffusion-2";
  return "stable-diffusion";
}

PipelineParts Load(const Components& parts, const SamplerConfig& sampler, const at::TensorOptions& options) {
  PipelineParts loaded;
  loaded.device = options.device();
  loaded.sampler = sampler;
  loaded.conditioner = std::make_unique<ClipConditioner>(ClipTokenizer::FromFolder(parts.tokenizer),
                                                         parts.text->Load<ClipTextModel>(options), options.device());
  loaded.denoiser = std::make_unique<TextDenoiser>(parts.unet->Load<UNet2DConditionModel>(options));
  parts.vae->load(options, loaded);
  loaded.starter = MakeStarter(parts.unet->config, parts.vae->latent_channels);
  return loaded;
}

// `pipeline` notes what the pipeline's class means for its sampler.
ModelFolder Open(FolderReader& reader, void (*pipeline)(SamplerConfig&)) {
  // Components that this pipeline does without may be named or null.
  reader.CheckIndex(
      {{"unet", "UNet2DConditionModel"}, {"text_encoder", "CLIPTextModel"}, {"tokenizer", "CLIPTokenizer"}},
      {"vae", "scheduler", "safety_checker", "feature_extractor", "requires_safety_checker", "image_encoder"});
  ModelFolder folder;
  reader.Part([&] {
    folder.sampler = SamplerConfig::FromFile(reader.SamplerFile());
    pipeline(folder.sampler);
  });
  Components parts{.tokenizer = reader.PathOf("tokenizer"),
                   .text = reader.Open<ClipTextModel>("text_encoder", ReadClipTextConfig, PrefixedClipKey,
                                                      {.may_ignore = IsClipConstant}),
                   .unet = reader.Open<UNet2DConditionModel>("unet", ReadUNetConfig),
                   .vae = OpenAutoencoder(reader)};
  reader.Part([&] { CheckTokenizer(parts.tokenizer, parts.text.get()); });
  reader.Finish();
  CheckUNetFits(parts.unet->config, parts.vae->latent_channels, parts.text->config.hidden_size,
                "the text encoder's hidden_size", reader);
  if (parts.unet->config.added_features > 0) {
    reader.AddProblem("unet/config.json: addition_embed_type: is for Stable Diffusion XL alone");
  }
  reader.Finish();

  const UNetConfig& unet = parts.unet->config;
  const int scale = static_cast<int>(parts.vae->scale);
  folder.architecture = Architecture(unet);
  folder.native_width = static_cast<int>(unet.sample_width) * scale;
  folder.native_height = static_cast<int>(unet.sample_height) * scale;
  folder.size_multiple = scale;
  folder.takes_text = true;
  folder.latent_channels = static_cast<int>(parts.vae->latent_channels);
  folder.latent_scale = scale;
  folder.inpaints_only = Inpaints(unet, parts.vae->latent_channels);
  folder.text_layers = static_cast<int>(parts.text->config.layers);
  folder.prompt_tokens = static_cast<int>(parts.text->config.max_positions);
  folder.default_steps = IsConsistencySampler(folder.sampler.kind) ? kConsistencySteps : kDefaultSteps;
  folder.embeds_guidance = unet.guidance_features > 0;
  if (folder.embeds_guidance) folder.guidance_scale = kEmbeddedGuidanceScale;
  folder.parameters = parts.text->parameters + parts.unet->parameters + parts.vae->parameters;
  folder.load = [parts = std::move(parts), sampler = folder.sampler](const at::TensorOptions& options) {
    return Load(parts, sampler, options);
  };
  return folder;
}

}  // namespace

ModelFolder OpenStableDiffusion(FolderReader& reader) {
  return Open(reader, [](SamplerConfig& sampler) { sampler.stable_diffusion_pipeline = true; });
}

ModelFolder OpenLatentConsistency(FolderReader& reader) {
  ModelFolder folder = Open(reader, [](SamplerConfig& sampler) { sampler.latent_consistency_pipeline = true; });
  if (!folder.embeds_guidance) {
    reader.AddProblem("unet/config.json: time_cond_proj_dim: must be set: the pipeline embeds the guidance scale");
  }
  reader.Finish();
  return folder;
}

}  // namespace latentd::model
