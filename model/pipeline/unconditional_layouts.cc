#include <memory>
#include <string>
#include <utility>

#include "model/pipeline/layouts.h"
#include "model/pipeline/pixel_codec.h"
#include "model/pipeline/unet_denoiser.h"
#include "model/pipeline/vq_codec.h"
#include "model/unet/unet_2d_config.h"
#include "model/vae/vq_model_config.h"
#include "model/weights/key_maps/vae_keys.h"

namespace latentd::model {
namespace {

// As diffusers' DDIMPipeline and LDMPipeline.
constexpr int kDefaultSteps = 50;

using UNet = std::shared_ptr<const Component<UNet2DConfig>>;
using Vqvae = std::shared_ptr<const Component<VQModelConfig>>;

void ReadSampler(FolderReader& reader, ModelFolder& folder) {
  reader.Part([&] { folder.sampler = SamplerConfig::FromFile(reader.SamplerFile()); });
}

// `channels` are those of what is denoised.
void CheckUNet(const UNet2DConfig& unet, int64_t channels, const std::string& whose, const SamplerConfig& sampler,
               FolderReader& reader) {
  const bool with_variance = unet.out_channels == 2 * channels;
  if (unet.in_channels != channels || (unet.out_channels != channels && !with_variance)) {
    reader.AddProblem("unet/config.json: in_channels and out_channels must be " + whose + " " +
                      std::to_string(channels) + "; a model that predicts the variance has twice as many out_channels");
  }
  const std::string variance = sampler.variance_type.value_or("fixed_small");
  if (variance.starts_with("learned") && !with_variance) {
    reader.AddProblem("scheduler/scheduler_config.json: variance_type: \"" + variance + "\" needs a U-Net of " +
                      std::to_string(2 * channels) + " out_channels, which also predicts the variance");
  }
  if (unet.class_embedding != ClassEmbedding::kNone) {
    reader.AddProblem(
        "unet/config.json: class_embed_type, num_class_embeds: a model with classes is not unconditional");
  }
  if (unet.fourier_time) {
    reader.AddProblem("unet/config.json: time_embedding_type: \"fourier\" goes with samplers that are not supported");
  }
  if (unet.sample_height == 0 || unet.sample_width == 0) {
    reader.AddProblem("unet/config.json: sample_size must say what the model was trained on");
  }
}

void Describe(const UNet2DConfig& unet, int64_t scale, ModelFolder& folder) {
  folder.latent_channels = static_cast<int>(unet.in_channels);
  folder.latent_scale = static_cast<int>(scale);
  folder.native_width = static_cast<int>(unet.sample_width * scale);
  folder.native_height = static_cast<int>(unet.sample_height * scale);
  folder.size_multiple = static_cast<int>(unet.SizeUnit() * scale);
  // Ancestral sampling is what DDPM's own sampler does; with fewer steps than it was trained with it leaves noise.
  folder.default_steps = folder.sampler.kind == SamplerKind::kDdpm ? folder.sampler.num_train_timesteps : kDefaultSteps;
}

PipelineParts Parts(const UNet& unet, const SamplerConfig& sampler, const at::TensorOptions& options) {
  return {.device = options.device(),
          .sampler = sampler,
          .conditioner = std::make_unique<NoConditioner>(),
          .denoiser = std::make_unique<UnconditionalDenoiser>(unet->Load<UNet2DModel>(options)),
          .codec = std::make_unique<PixelCodec>(),
          .starter = std::make_unique<PlainStarter>()};
}

}  // namespace

ModelFolder OpenPixelDiffusion(FolderReader& reader) {
  reader.CheckIndex({{"unet", "UNet2DModel"}}, {"scheduler"});
  ModelFolder folder;
  ReadSampler(reader, folder);
  const UNet unet = reader.Open<UNet2DModel>("unet", ReadUNet2DConfig, ModernVaeKey);
  reader.Finish();
  CheckUNet(unet->config, PixelCodec().channels(), "a picture's", folder.sampler, reader);
  reader.Finish();

  folder.architecture = "ddpm";
  folder.parameters = unet->parameters;
  Describe(unet->config, 1, folder);
  folder.load = [unet, sampler = folder.sampler](const at::TensorOptions& options) {
    return Parts(unet, sampler, options);
  };
  return folder;
}

ModelFolder OpenUnconditionalLdm(FolderReader& reader) {
  reader.CheckIndex({{"unet", "UNet2DModel"}, {"vqvae", "VQModel"}}, {"scheduler"});
  ModelFolder folder;
  ReadSampler(reader, folder);
  const UNet unet = reader.Open<UNet2DModel>("unet", ReadUNet2DConfig, ModernVaeKey);
  const Vqvae vqvae = reader.Open<VQModel>("vqvae", ReadVQModelConfig, ModernVaeKey);
  reader.Finish();
  CheckUNet(unet->config, vqvae->config.code_features, "the autoencoder's", folder.sampler, reader);
  if (vqvae->config.lookup_from_codebook) {
    reader.AddProblem("vqvae/config.json: lookup_from_codebook: a model of tokens is not a diffusion model");
  }
  reader.Finish();

  folder.architecture = "ldm-unconditional";
  folder.parameters = unet->parameters + vqvae->parameters;
  Describe(unet->config, vqvae->config.Scale(), folder);
  folder.load = [unet, vqvae, sampler = folder.sampler](const at::TensorOptions& options) {
    PipelineParts parts = Parts(unet, sampler, options);
    parts.codec = std::make_unique<VqCodec>(vqvae->Load<VQModel>(options), options);
    return parts;
  };
  return folder;
}

}  // namespace latentd::model
