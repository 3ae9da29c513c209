#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "model/errors.h"
#include "model/pipeline/autoencoder_part.h"
#include "model/pipeline/clip_conditioner.h"
#include "model/pipeline/layouts.h"
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

// `text` may be null.
void CheckTokenizer(const std::filesystem::path& folder, const Component<ClipTextConfig>* text) {
  const ClipTokenizer tokenizer = ClipTokenizer::FromFolder(folder);
  if (text == nullptr) return;
  std::vector<std::string> wrong;
  const auto check = [&](const char* what, int64_t has, int64_t allowed) {
    if (has <= allowed) return;
    wrong.push_back(std::string("has ") + what + std::to_string(has) + " tokens; the text encoder has " +
                    std::to_string(allowed));
  };
  check("", tokenizer.vocab_size(), text->config.vocab_size);
  check("a window of ", tokenizer.window(), text->config.max_positions);
  if (!wrong.empty()) throw ModelError(folder.string(), std::move(wrong));
}

bool ReadsText(const UNetConfig& unet, int64_t features) {
  return std::all_of(unet.levels.begin(), unet.levels.end(), [&](const UNetLevel& level) {
    const bool attends =
        level.down_attention || level.up_attention || (&level == &unet.levels.back() && unet.has_mid_block);
    return !attends || level.context_features == features;
  });
}

// The latent, the mask and the latent of what the mask leaves.
int64_t InpaintingChannels(const AutoencoderPart& vae) { return 2 * vae.latent_channels + 1; }

bool Inpaints(const UNetConfig& unet, const AutoencoderPart& vae) {
  return unet.in_channels == InpaintingChannels(vae);
}

void CheckFit(const Components& parts, FolderReader& reader) {
  const UNetConfig& unet = parts.unet->config;
  const AutoencoderPart& vae = *parts.vae;
  const int64_t latent = vae.latent_channels;
  if (unet.in_channels != latent && !Inpaints(unet, vae)) {
    reader.AddProblem("unet/config.json: in_channels must be the VAE's " + std::to_string(latent) +
                      " latent channels, or " + std::to_string(InpaintingChannels(vae)) + " of a model for inpainting");
  }
  if (unet.out_channels != latent) {
    reader.AddProblem("unet/config.json: out_channels must be the VAE's " + std::to_string(latent) +
                      " latent channels");
  }
  if (!ReadsText(unet, parts.text->config.hidden_size)) {
    reader.AddProblem("unet/config.json: cross_attention_dim must be the text encoder's hidden_size, " +
                      std::to_string(parts.text->config.hidden_size));
  }
}

std::unique_ptr<const Starter> MakeStarter(const Components& parts) {
  if (Inpaints(parts.unet->config, *parts.vae)) return std::make_unique<InpaintingStarter>();
  return std::make_unique<PlainStarter>();
}

PipelineParts Load(const Components& parts, const SamplerConfig& sampler, const at::TensorOptions& options) {
  PipelineParts loaded;
  loaded.device = options.device();
  loaded.sampler = sampler;
  loaded.conditioner = std::make_unique<ClipConditioner>(ClipTokenizer::FromFolder(parts.tokenizer),
                                                         parts.text->Load<ClipTextModel>(options), options.device());
  loaded.denoiser = std::make_unique<TextDenoiser>(parts.unet->Load<UNet2DConditionModel>(options));
  parts.vae->load(options, loaded);
  loaded.starter = MakeStarter(parts);
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
  CheckFit(parts, reader);
  reader.Finish();

  const UNetConfig& unet = parts.unet->config;
  const int scale = static_cast<int>(parts.vae->scale);
  folder.architecture = Architecture(unet);
  folder.native_width = static_cast<int>(unet.sample_width) * scale;
  folder.native_height = static_cast<int>(unet.sample_height) * scale;
  folder.size_multiple = scale;
  folder.takes_text = true;
  folder.inpaints_only = Inpaints(unet, *parts.vae);
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
