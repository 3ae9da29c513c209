#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "model/pipeline/clip_conditioner.h"
#include "model/pipeline/kl_codec.h"
#include "model/pipeline/layouts.h"
#include "model/pipeline/text_checks.h"
#include "model/pipeline/unet_denoiser.h"
#include "model/text/clip_text_config.h"
#include "model/unet/unet_config.h"
#include "model/vae/vae_config.h"
#include "model/weights/key_maps/clip_keys.h"
#include "model/weights/key_maps/vae_keys.h"

namespace latentd::model {
namespace {

constexpr int kDefaultSteps = 25;
constexpr int64_t kOldSampleSize = 64;

struct Components {
  std::filesystem::path tokenizer;
  std::shared_ptr<const Component<ClipTextConfig>> text;
  std::shared_ptr<const Component<UNetConfig>> unet;
  std::shared_ptr<const Component<VaeConfig>> vae;
};

std::string Architecture(const UNetConfig& unet) {
  const int64_t features = unet.levels.empty() ? 0 : unet.levels.front().context_features;
  if (features == 768) return "stable-diffusion-1";
  if (features == 1024) return "stable-diffusion-2";
  return "stable-diffusion";
}

// The latent, the mask and the latent of what the mask leaves.
int64_t InpaintingChannels(const VaeConfig& vae) { return 2 * vae.latent_channels + 1; }

bool Inpaints(const UNetConfig& unet, const VaeConfig& vae) { return unet.in_channels == InpaintingChannels(vae); }

void CheckFit(const Components& parts, FolderReader& reader) {
  const UNetConfig& unet = parts.unet->config;
  const VaeConfig& vae = parts.vae->config;
  const int64_t latent = vae.latent_channels;
  if (unet.in_channels != latent && !Inpaints(unet, vae)) {
    reader.AddProblem("unet/config.json: in_channels must be the VAE's " + std::to_string(latent) +
                      " latent channels, or " + std::to_string(InpaintingChannels(vae)) + " of a model for inpainting");
  }
  if (unet.out_channels != latent) {
    reader.AddProblem("unet/config.json: out_channels must be the VAE's " + std::to_string(latent) +
                      " latent channels");
  }
  if (unet.classes > 0) {
    reader.AddProblem("unet/config.json: num_class_embeds: a model of this pipeline is told no class");
  }
  if (!ReadsText(unet, parts.text->config.hidden_size)) {
    reader.AddProblem("unet/config.json: cross_attention_dim must be the text encoder's hidden_size, " +
                      std::to_string(parts.text->config.hidden_size));
  }
}

std::unique_ptr<const Starter> MakeStarter(const Components& parts) {
  if (Inpaints(parts.unet->config, parts.vae->config)) return std::make_unique<InpaintingStarter>();
  return std::make_unique<PlainStarter>();
}

PipelineParts Load(const Components& parts, const SamplerConfig& sampler, const at::TensorOptions& options) {
  PipelineParts loaded;
  loaded.device = options.device();
  loaded.sampler = sampler;
  loaded.conditioner = std::make_unique<ClipConditioner>(ClipTokenizer::FromFolder(parts.tokenizer),
                                                         parts.text->Load<ClipTextModel>(options), options.device());
  loaded.denoiser = std::make_unique<TextDenoiser>(parts.unet->Load<UNet2DConditionModel>(options));
  loaded.codec = std::make_unique<KlCodec>(parts.vae->Load<AutoencoderKL>(options), options);
  loaded.starter = MakeStarter(parts);
  return loaded;
}

}  // namespace

ModelFolder OpenStableDiffusion(FolderReader& reader) {
  // Components that this pipeline does without may be named or null.
  reader.CheckIndex({{"unet", "UNet2DConditionModel"},
                     {"vae", "AutoencoderKL"},
                     {"text_encoder", "CLIPTextModel"},
                     {"tokenizer", "CLIPTokenizer"}},
                    {"scheduler", "safety_checker", "feature_extractor", "requires_safety_checker", "image_encoder"});
  ModelFolder folder;
  reader.Part([&] {
    folder.sampler = SamplerConfig::FromFile(reader.SamplerFile());
    folder.sampler.stable_diffusion_pipeline = true;
  });
  Components parts{.tokenizer = reader.PathOf("tokenizer"),
                   .text = reader.Open<ClipTextModel>("text_encoder", ReadClipTextConfig, PrefixedClipKey,
                                                      {.may_ignore = IsClipConstant}),
                   .unet = reader.Open<UNet2DConditionModel>("unet", ReadUNetConfig),
                   .vae = reader.Open<AutoencoderKL>("vae", ReadVaeConfig, ModernVaeKey)};
  reader.Part([&] { CheckTokenizer(parts.tokenizer, parts.text.get()); });
  reader.Finish();
  CheckFit(parts, reader);
  reader.Finish();

  const UNetConfig& unet = parts.unet->config;
  const int scale = static_cast<int>(parts.vae->config.Scale());
  folder.architecture = Architecture(unet);
  const auto native = [&](int64_t edge) {
    return static_cast<int>(unet.old_sample_size ? std::max(edge, kOldSampleSize) : edge) * scale;
  };
  folder.native_width = native(unet.sample_width);
  folder.native_height = native(unet.sample_height);
  folder.size_multiple = scale;
  folder.takes_text = true;
  folder.inpaints_only = Inpaints(unet, parts.vae->config);
  folder.text_layers = static_cast<int>(parts.text->config.layers);
  folder.prompt_tokens = static_cast<int>(parts.text->config.max_positions);
  folder.default_steps = kDefaultSteps;
  folder.parameters = parts.text->parameters + parts.unet->parameters + parts.vae->parameters;
  folder.load = [parts = std::move(parts), sampler = folder.sampler](const at::TensorOptions& options) {
    return Load(parts, sampler, options);
  };
  return folder;
}

}  // namespace latentd::model
