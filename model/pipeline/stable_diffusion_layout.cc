#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "model/pipeline/clip_conditioner.h"
#include "model/pipeline/kl_codec.h"
#include "model/pipeline/layouts.h"
#include "model/pipeline/stable_diffusion_parts.h"
#include "model/pipeline/unet_denoiser.h"
#include "model/weights/key_maps/clip_keys.h"
#include "model/weights/key_maps/vae_keys.h"

namespace latentd::model {
namespace {

constexpr int kDefaultSteps = 25;

std::string Architecture(const UNetConfig& unet) {
  const int64_t features = unet.levels.empty() ? 0 : unet.levels.front().context_features;
  if (features == 768) return "stable-diffusion-1";
  if (features == 1024) return "stable-diffusion-2";
  return "stable-diffusion";
}

// `text` may be null.
void CheckTokenizer(const ClipTokenizer& tokenizer, const Component<ClipTextConfig>* text, PartReader& reader) {
  if (text == nullptr) return;
  const auto check = [&](const char* what, int64_t has, int64_t allowed) {
    if (has <= allowed) return;
    reader.AddProblem(std::string("tokenizer: has ") + what + std::to_string(has) + " tokens; the text encoder has " +
                      std::to_string(allowed));
  };
  check("", tokenizer.vocab_size(), text->config.vocab_size);
  check("a window of ", tokenizer.window(), text->config.max_positions);
}

bool ReadsText(const UNetConfig& unet, int64_t features) {
  return std::all_of(unet.levels.begin(), unet.levels.end(), [&](const UNetLevel& level) {
    const bool attends =
        level.down_attention || level.up_attention || (&level == &unet.levels.back() && unet.has_mid_block);
    return !attends || level.context_features == features;
  });
}

// The latent, the mask and the latent of what the mask leaves.
int64_t InpaintingChannels(const VaeConfig& vae) { return 2 * vae.latent_channels + 1; }

bool Inpaints(const UNetConfig& unet, const VaeConfig& vae) { return unet.in_channels == InpaintingChannels(vae); }

void CheckFit(const StableDiffusionParts& parts, PartReader& reader) {
  const UNetConfig& unet = parts.unet->config;
  const VaeConfig& vae = parts.vae->config;
  const int64_t latent = vae.latent_channels;
  if (unet.in_channels != latent && !Inpaints(unet, vae)) {
    reader.AddProblem("unet: in_channels must be the VAE's " + std::to_string(latent) + " latent channels, or " +
                      std::to_string(InpaintingChannels(vae)) + " of a model for inpainting");
  }
  if (unet.out_channels != latent) {
    reader.AddProblem("unet: out_channels must be the VAE's " + std::to_string(latent) + " latent channels");
  }
  if (!ReadsText(unet, parts.text->config.hidden_size)) {
    reader.AddProblem("unet: cross_attention_dim must be the text encoder's hidden_size, " +
                      std::to_string(parts.text->config.hidden_size));
  }
}

std::unique_ptr<const Starter> MakeStarter(const StableDiffusionParts& parts) {
  if (Inpaints(parts.unet->config, parts.vae->config)) return std::make_unique<InpaintingStarter>();
  return std::make_unique<PlainStarter>();
}

PipelineParts Load(const StableDiffusionParts& parts, const at::TensorOptions& options) {
  PipelineParts loaded;
  loaded.device = options.device();
  loaded.sampler = parts.sampler;
  loaded.conditioner =
      std::make_unique<ClipConditioner>(parts.tokenizer(), parts.text->Load<ClipTextModel>(options), options.device());
  loaded.denoiser = std::make_unique<TextDenoiser>(parts.unet->Load<UNet2DConditionModel>(options));
  loaded.codec = std::make_unique<KlCodec>(parts.vae->Load<AutoencoderKL>(options), options);
  loaded.starter = MakeStarter(parts);
  return loaded;
}

}  // namespace

ModelFolder MakeStableDiffusion(StableDiffusionParts parts, PartReader& reader) {
  // The pipeline's constructor changes the sampler that it is given.
  parts.sampler.stable_diffusion_pipeline = true;
  reader.Part([&] { CheckTokenizer(parts.tokenizer(), parts.text.get(), reader); });
  reader.Finish();
  CheckFit(parts, reader);
  reader.Finish();

  ModelFolder folder;
  const UNetConfig& unet = parts.unet->config;
  const int scale = static_cast<int>(parts.vae->config.Scale());
  folder.architecture = Architecture(unet);
  folder.native_width = static_cast<int>(unet.sample_width) * scale;
  folder.native_height = static_cast<int>(unet.sample_height) * scale;
  folder.size_multiple = scale;
  folder.takes_text = true;
  folder.inpaints_only = Inpaints(unet, parts.vae->config);
  folder.text_layers = static_cast<int>(parts.text->config.layers);
  folder.prompt_tokens = static_cast<int>(parts.text->config.max_positions);
  folder.default_steps = kDefaultSteps;
  folder.sampler = parts.sampler;
  folder.parameters = parts.text->parameters + parts.unet->parameters + parts.vae->parameters;
  folder.load = [parts = std::move(parts)](const at::TensorOptions& options) { return Load(parts, options); };
  return folder;
}

ModelFolder OpenStableDiffusion(FolderReader& reader) {
  // Components that this pipeline does without may be named or null.
  reader.CheckIndex({{"unet", "UNet2DConditionModel"},
                     {"vae", "AutoencoderKL"},
                     {"text_encoder", "CLIPTextModel"},
                     {"tokenizer", "CLIPTokenizer"}},
                    {"scheduler", "safety_checker", "feature_extractor", "requires_safety_checker", "image_encoder"});
  StableDiffusionParts parts;
  reader.Part([&] { parts.sampler = SamplerConfig::FromFile(reader.SamplerFile()); });
  parts.tokenizer = [folder = reader.PathOf("tokenizer")] { return ClipTokenizer::FromFolder(folder); };
  parts.text =
      reader.Open<ClipTextModel>("text_encoder", ReadClipTextConfig, PrefixedClipKey, {.may_ignore = IsClipConstant});
  parts.unet = reader.Open<UNet2DConditionModel>("unet", ReadUNetConfig);
  parts.vae = reader.Open<AutoencoderKL>("vae", ReadVaeConfig, ModernVaeKey);
  return MakeStableDiffusion(std::move(parts), reader);
}

}  // namespace latentd::model
