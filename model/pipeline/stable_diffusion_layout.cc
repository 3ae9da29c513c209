#include <memory>
#include <string>
#include <utility>

#include "model/pipeline/clip_conditioner.h"
#include "model/pipeline/kl_codec.h"
#include "model/pipeline/layouts.h"
#include "model/pipeline/stable_diffusion_checks.h"
#include "model/pipeline/unet_denoiser.h"
#include "model/text/clip_text_config.h"
#include "model/unet/unet_config.h"
#include "model/vae/vae_config.h"
#include "model/weights/key_maps/clip_keys.h"
#include "model/weights/key_maps/vae_keys.h"

namespace latentd::model {
namespace {

constexpr int kDefaultSteps = 25;

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

PipelineParts Load(const Components& parts, const SamplerConfig& sampler, const at::TensorOptions& options) {
  PipelineParts loaded;
  loaded.device = options.device();
  loaded.sampler = sampler;
  loaded.conditioner = std::make_unique<ClipConditioner>(ClipTokenizer::FromFolder(parts.tokenizer),
                                                         parts.text->Load<ClipTextModel>(options), options.device());
  loaded.denoiser = std::make_unique<TextDenoiser>(parts.unet->Load<UNet2DConditionModel>(options));
  loaded.codec = std::make_unique<KlCodec>(parts.vae->Load<AutoencoderKL>(options), options);
  loaded.starter = MakeStarter(parts.unet->config, parts.vae->config);
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
  CheckUNetFits(parts.unet->config, parts.vae->config, parts.text->config.hidden_size, "the text encoder's hidden_size",
                reader);
  if (parts.unet->config.added_features > 0) {
    reader.AddProblem("unet/config.json: addition_embed_type: is for Stable Diffusion XL alone");
  }
  reader.Finish();

  const UNetConfig& unet = parts.unet->config;
  const int scale = static_cast<int>(parts.vae->config.Scale());
  folder.architecture = Architecture(unet);
  folder.native_width = static_cast<int>(unet.sample_width) * scale;
  folder.native_height = static_cast<int>(unet.sample_height) * scale;
  folder.size_multiple = scale;
  folder.takes_text = true;
  folder.latent_channels = static_cast<int>(parts.vae->config.latent_channels);
  folder.latent_scale = scale;
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
