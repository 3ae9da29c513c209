#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "model/errors.h"
#include "model/pipeline/clip_conditioner.h"
#include "model/pipeline/kl_codec.h"
#include "model/pipeline/layouts.h"
#include "model/pipeline/stable_diffusion_checks.h"
#include "model/pipeline/super_resolution_starters.h"
#include "model/pipeline/unet_denoiser.h"
#include "model/pipeline/vq_codec.h"
#include "model/samplers/noise_schedule.h"
#include "model/unet/unet_2d_config.h"
#include "model/vae/vae_config.h"
#include "model/vae/vq_model_config.h"
#include "model/weights/key_maps/clip_keys.h"
#include "model/weights/key_maps/vae_keys.h"

namespace latentd::model {
namespace {

// All as the pipelines' defaults in diffusers 0.42.1.
constexpr int kLdmSteps = 100;
constexpr int kUpscalerSteps = 75;
constexpr double kUpscalerGuidance = 9;
constexpr int kMaxNoiseLevel = 350;

constexpr int64_t kColours = 3;
constexpr int64_t kLdmMultiple = 32;  // LDMSuperResolutionPipeline cuts the small picture to it

void SetSizes(int64_t sample_width, int64_t sample_height, int64_t scale, int64_t low_res_multiple,
              ModelFolder& folder) {
  folder.native_width = static_cast<int>(sample_width * scale);
  folder.native_height = static_cast<int>(sample_height * scale);
  folder.upscale_factor = static_cast<int>(scale);
  folder.size_multiple = static_cast<int>(low_res_multiple * scale);
}

// LDMSuperResolutionPipeline decodes latents as they are, whatever the configuration's scaling_factor.
VQModelConfig ReadUnscaledVqConfig(ConfigReader reader) {
  VQModelConfig config = ReadVQModelConfig(std::move(reader));
  config.scaling_factor = 1;
  return config;
}

// StableDiffusionUpscalePipeline sets it so, whatever the configuration says.
VaeConfig ReadUpscalerVaeConfig(ConfigReader reader) {
  VaeConfig config = ReadVaeConfig(std::move(reader));
  config.scaling_factor = 0.08333;
  return config;
}

void CheckLdm(const UNet2DConfig& unet, const VQModelConfig& vqvae, FolderReader& reader) {
  const int64_t latent = vqvae.code_features;
  if (latent != kColours || unet.in_channels != 2 * kColours || unet.out_channels != kColours) {
    reader.AddProblem(
        "unet/config.json: in_channels must be 6, 3 of the latent and 3 of the small picture, and out_channels 3, as "
        "vqvae/config.json must have them");
  }
  if (unet.class_embedding != ClassEmbedding::kNone) {
    reader.AddProblem("unet/config.json: class_embed_type, num_class_embeds: a model that enlarges draws no classes");
  }
  if (unet.fourier_time) {
    reader.AddProblem("unet/config.json: time_embedding_type: \"fourier\" goes with samplers that are not supported");
  }
  if (unet.sample_height == 0 || unet.sample_width == 0) {
    reader.AddProblem("unet/config.json: sample_size must say what the model was trained on");
  }
  if (kLdmMultiple % unet.SizeUnit() != 0) {
    reader.AddProblem(
        "unet/config.json: block_out_channels: more than 6 levels do not fit small pictures, whose edges "
        "are multiples of 32");
  }
  if (vqvae.lookup_from_codebook) {
    reader.AddProblem("vqvae/config.json: lookup_from_codebook: a model of tokens is not a diffusion model");
  }
}

struct UpscalerParts {
  std::filesystem::path tokenizer;
  std::shared_ptr<const Component<ClipTextConfig>> text;
  std::shared_ptr<const Component<UNetConfig>> unet;
  std::shared_ptr<const Component<VaeConfig>> vae;
  std::vector<float> alphas;  // of the small picture's noise
};

std::vector<float> ReadLowResAlphas(const std::filesystem::path& file) {
  const SamplerConfig config = SamplerConfig::FromFile(file);
  std::vector<FieldProblem> problems;
  const SamplerSettings settings = ResolveSettings(config, SamplerKind::kDdpm, SigmaSpacing::kDefault, problems);
  std::vector<std::string> wrong;
  for (const FieldProblem& problem : problems) wrong.push_back(problem.field + ": " + problem.what);
  if (config.kind != SamplerKind::kDdpm) wrong.emplace_back("_class_name: must be \"DDPMScheduler\"");
  if (!wrong.empty()) throw ModelError(file.string(), std::move(wrong));
  return NoiseSchedule(settings).alphas();
}

int ReadMaxNoiseLevel(const std::filesystem::path& file) {
  ConfigReader index = ConfigReader::FromFile(file);
  const int level = index.Get("max_noise_level", kMaxNoiseLevel);
  if (level >= 1) return level;
  throw ModelError(file.string(), {"max_noise_level: must be 1 or more"});
}

void CheckUpscaler(const UpscalerParts& parts, int max_noise_level, FolderReader& reader) {
  const UNetConfig& unet = parts.unet->config;
  const int64_t latent = parts.vae->config.latent_channels;
  if (unet.in_channels != latent + kColours || unet.out_channels != latent) {
    reader.AddProblem("unet/config.json: in_channels must be the VAE's " + std::to_string(latent) +
                      " latent channels and 3 of the small picture, and out_channels " + std::to_string(latent));
  }
  if (!ReadsText(unet, parts.text->config.hidden_size)) {
    reader.AddProblem("unet/config.json: cross_attention_dim must be the text encoder's hidden_size, " +
                      std::to_string(parts.text->config.hidden_size));
  }
  if (unet.classes <= max_noise_level) {
    reader.AddProblem("unet/config.json: num_class_embeds must be more than max_noise_level, " +
                      std::to_string(max_noise_level));
  }
  if (parts.alphas.size() <= static_cast<size_t>(max_noise_level)) {
    reader.AddProblem(
        "low_res_scheduler/scheduler_config.json: num_train_timesteps must be more than max_noise_level, " +
        std::to_string(max_noise_level));
  }
}

PipelineParts LoadUpscaler(const UpscalerParts& parts, const SamplerConfig& sampler, const at::TensorOptions& options) {
  PipelineParts loaded;
  loaded.device = options.device();
  loaded.sampler = sampler;
  loaded.conditioner = std::make_unique<ClipConditioner>(ClipTokenizer::FromFolder(parts.tokenizer),
                                                         parts.text->Load<ClipTextModel>(options), options.device());
  loaded.denoiser = std::make_unique<TextDenoiser>(parts.unet->Load<UNet2DConditionModel>(options));
  loaded.codec = std::make_unique<KlCodec>(parts.vae->Load<AutoencoderKL>(options), options);
  loaded.starter = std::make_unique<NoisedLowResStarter>(parts.alphas);
  return loaded;
}

}  // namespace

ModelFolder OpenLdmSuperResolution(FolderReader& reader) {
  reader.CheckIndex({{"unet", "UNet2DModel"}, {"vqvae", "VQModel"}}, {"scheduler"});
  ModelFolder folder;
  reader.Part([&] { folder.sampler = SamplerConfig::FromFile(reader.SamplerFile()); });
  const auto unet = reader.Open<UNet2DModel>("unet", ReadUNet2DConfig, ModernVaeKey);
  const auto vqvae = reader.Open<VQModel>("vqvae", ReadUnscaledVqConfig, ModernVaeKey);
  reader.Finish();
  CheckLdm(unet->config, vqvae->config, reader);
  reader.Finish();

  folder.architecture = "ldm-super-resolution";
  folder.parameters = unet->parameters + vqvae->parameters;
  folder.default_steps = kLdmSteps;
  SetSizes(unet->config.sample_width, unet->config.sample_height, vqvae->config.Scale(), kLdmMultiple, folder);
  folder.load = [unet, vqvae, sampler = folder.sampler](const at::TensorOptions& options) {
    return PipelineParts{.device = options.device(),
                         .sampler = sampler,
                         .conditioner = std::make_unique<NoConditioner>(),
                         .denoiser = std::make_unique<UnconditionalDenoiser>(unet->Load<UNet2DModel>(options)),
                         .codec = std::make_unique<VqCodec>(vqvae->Load<VQModel>(options), options),
                         .starter = std::make_unique<LowResStarter>()};
  };
  return folder;
}

ModelFolder OpenStableDiffusionUpscaler(FolderReader& reader) {
  reader.CheckIndex({{"unet", "UNet2DConditionModel"},
                     {"vae", "AutoencoderKL"},
                     {"text_encoder", "CLIPTextModel"},
                     {"tokenizer", "CLIPTokenizer"},
                     {"low_res_scheduler", "DDPMScheduler"}},
                    {"scheduler", "max_noise_level", "safety_checker", "feature_extractor", "watermarker"});
  ModelFolder folder;
  UpscalerParts parts;
  reader.Part([&] { folder.sampler = SamplerConfig::FromFile(reader.SamplerFile()); });
  reader.Part([&] { parts.alphas = ReadLowResAlphas(reader.PathOf("low_res_scheduler") / "scheduler_config.json"); });
  reader.Part([&] { folder.max_noise_level = ReadMaxNoiseLevel(reader.path() / "model_index.json"); });
  parts.tokenizer = reader.PathOf("tokenizer");
  parts.text =
      reader.Open<ClipTextModel>("text_encoder", ReadClipTextConfig, PrefixedClipKey, {.may_ignore = IsClipConstant});
  parts.unet = reader.Open<UNet2DConditionModel>("unet", ReadUNetConfig);
  parts.vae = reader.Open<AutoencoderKL>("vae", ReadUpscalerVaeConfig, ModernVaeKey);
  reader.Part(
      [&] { CheckTokenizer(ClipTokenizer::FromFolder(parts.tokenizer), "tokenizer", parts.text.get(), reader); });
  reader.Finish();
  CheckUpscaler(parts, folder.max_noise_level, reader);
  reader.Finish();

  folder.architecture = "stable-diffusion-upscaler";
  folder.takes_text = true;
  folder.weighs_prompts = true;
  folder.text_layers = static_cast<int>(parts.text->config.layers);
  folder.prompt_tokens = static_cast<int>(parts.text->config.max_positions);
  folder.default_steps = kUpscalerSteps;
  folder.guidance_scale = kUpscalerGuidance;
  folder.parameters = parts.text->parameters + parts.unet->parameters + parts.vae->parameters;
  const int64_t scale = parts.vae->config.Scale();
  // The pipeline cuts the small picture to multiples of the VAE's scale, as others do the large one.
  SetSizes(parts.unet->config.sample_width, parts.unet->config.sample_height, scale, scale, folder);
  folder.load = [parts = std::move(parts), sampler = folder.sampler](const at::TensorOptions& options) {
    return LoadUpscaler(parts, sampler, options);
  };
  return folder;
}

}  // namespace latentd::model
