#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "model/errors.h"
#include "model/pipeline/bert_conditioner.h"
#include "model/pipeline/class_conditioner.h"
#include "model/pipeline/kl_codec.h"
#include "model/pipeline/layouts.h"
#include "model/pipeline/stable_diffusion_checks.h"
#include "model/pipeline/unet_denoiser.h"
#include "model/pipeline/vq_codec.h"
#include "model/unet/unet_config.h"
#include "model/vae/vae_config.h"
#include "model/vae/vq_model_config.h"
#include "model/weights/key_maps/vae_keys.h"

namespace latentd::model {
namespace {

constexpr int kDefaultSteps = 50;  // LDMTextToImagePipeline's
// The defaults of the authors' own programs: scripts/txt2img.py and scripts/latent_imagenet_diffusion.ipynb of
// CompVis/latent-diffusion.
constexpr double kTextGuidance = 5;
constexpr double kClassGuidance = 3;

constexpr int64_t kWindow = 77;  // that LDMTextToImagePipeline pads prompts to, whatever the encoder takes

// `latent`: channels of the autoencoder. `features`: of what the U-Net looks at, which `whose` has.
void CheckUNet(const UNetConfig& unet, int64_t latent, int64_t features, const std::string& whose,
               FolderReader& reader) {
  if (unet.in_channels != latent || unet.out_channels != latent) {
    reader.AddProblem("unet/config.json: in_channels and out_channels must be the autoencoder's " +
                      std::to_string(latent));
  }
  if (!ReadsText(unet, features)) {
    reader.AddProblem("unet/config.json: cross_attention_dim must be " + whose + ", " + std::to_string(features));
  }
  if (unet.classes > 0) {
    reader.AddProblem(
        "unet/config.json: num_class_embeds: a model of this pipeline is told its class by cross-attention");
  }
}

void Describe(const UNetConfig& unet, int64_t scale, ModelFolder& folder) {
  folder.native_width = static_cast<int>(unet.sample_width * scale);
  folder.native_height = static_cast<int>(unet.sample_height * scale);
  folder.size_multiple = static_cast<int>(scale);
  folder.default_steps = kDefaultSteps;
}

void CheckText(const std::filesystem::path& tokenizer_folder, const Component<LdmBertConfig>* bert) {
  const BertTokenizer tokenizer = BertTokenizer::FromFolder(tokenizer_folder, kWindow);
  if (bert == nullptr || tokenizer.vocab_size() <= bert->config.vocab_size) return;
  throw ModelError(tokenizer_folder.string(),
                   {"has " + std::to_string(tokenizer.vocab_size()) + " tokens; the text encoder has " +
                    std::to_string(bert->config.vocab_size)});
}

}  // namespace

ModelFolder OpenLdmText(FolderReader& reader) {
  reader.CheckIndex({{"unet", "UNet2DConditionModel"},
                     {"vqvae", "AutoencoderKL"},
                     {"bert", "LDMBertModel"},
                     {"tokenizer", "BertTokenizer"}},
                    {"scheduler"});
  ModelFolder folder;
  reader.Part([&] { folder.sampler = SamplerConfig::FromFile(reader.SamplerFile()); });
  const std::filesystem::path tokenizer = reader.PathOf("tokenizer");
  const auto bert = reader.Open<LdmBertModel>("bert", ReadLdmBertConfig, {}, {.may_ignore = IsLdmBertHead});
  const auto unet = reader.Open<UNet2DConditionModel>("unet", ReadUNetConfig);
  const auto vae = reader.Open<AutoencoderKL>("vqvae", ReadVaeConfig, ModernVaeKey);
  reader.Part([&] { CheckText(tokenizer, bert.get()); });
  reader.Finish();
  CheckUNet(unet->config, vae->config.latent_channels, bert->config.hidden_size, "the text encoder's d_model", reader);
  if (bert->config.max_positions < kWindow) {
    reader.AddProblem("bert/config.json: max_position_embeddings must be " + std::to_string(kWindow) + " or more");
  }
  reader.Finish();

  folder.architecture = "ldm-text";
  folder.takes_text = true;
  folder.prompt_tokens = static_cast<int>(kWindow);
  folder.guidance_scale = kTextGuidance;
  folder.parameters = bert->parameters + unet->parameters + vae->parameters;
  Describe(unet->config, vae->config.Scale(), folder);
  folder.load = [=, sampler = folder.sampler](const at::TensorOptions& options) {
    return PipelineParts{
        .device = options.device(),
        .sampler = sampler,
        .conditioner = std::make_unique<BertConditioner>(BertTokenizer::FromFolder(tokenizer, kWindow),
                                                         bert->Load<LdmBertModel>(options), options.device()),
        .denoiser = std::make_unique<TextDenoiser>(unet->Load<UNet2DConditionModel>(options)),
        .codec = std::make_unique<KlCodec>(vae->Load<AutoencoderKL>(options), options),
        .starter = std::make_unique<PlainStarter>()};
  };
  return folder;
}

ModelFolder OpenLdmClass(FolderReader& reader) {
  reader.CheckIndex({{"unet", "UNet2DConditionModel"}, {"vqvae", "VQModel"}, {"class_embedder", "ClassEmbedder"}},
                    {"scheduler"});
  ModelFolder folder;
  reader.Part([&] { folder.sampler = SamplerConfig::FromFile(reader.SamplerFile()); });
  const auto classes = reader.Open<ClassEmbedder>("class_embedder", ReadClassEmbedderConfig);
  const auto unet = reader.Open<UNet2DConditionModel>("unet", ReadUNetConfig);
  const auto vqvae = reader.Open<VQModel>("vqvae", ReadVQModelConfig, ModernVaeKey);
  reader.Finish();
  CheckUNet(unet->config, vqvae->config.code_features, classes->config.embed_dim, "the classes' embed_dim", reader);
  if (vqvae->config.lookup_from_codebook) {
    reader.AddProblem("vqvae/config.json: lookup_from_codebook: a model of tokens is not a diffusion model");
  }
  reader.Finish();

  folder.architecture = "ldm-class";
  folder.num_classes = static_cast<int>(classes->config.num_classes);
  folder.guidance_scale = kClassGuidance;
  folder.parameters = classes->parameters + unet->parameters + vqvae->parameters;
  Describe(unet->config, vqvae->config.Scale(), folder);
  folder.load = [=, sampler = folder.sampler](const at::TensorOptions& options) {
    return PipelineParts{
        .device = options.device(),
        .sampler = sampler,
        .conditioner = std::make_unique<ClassConditioner>(classes->Load<ClassEmbedder>(options), options.device()),
        .denoiser = std::make_unique<TextDenoiser>(unet->Load<UNet2DConditionModel>(options)),
        .codec = std::make_unique<VqCodec>(vqvae->Load<VQModel>(options), options),
        .starter = std::make_unique<PlainStarter>()};
  };
  return folder;
}

}  // namespace latentd::model
