#include "model/pipeline/autoencoder_part.h"

#include <filesystem>
#include <memory>
#include <string>

#include "model/errors.h"
#include "model/pipeline/kl_codec.h"
#include "model/pipeline/tiny_codec.h"
#include "model/pipeline/tiny_preview.h"
#include "model/vae/autoencoder_tiny.h"
#include "model/vae/vae.h"
#include "model/weights/key_maps/vae_keys.h"

namespace latentd::model {
namespace {

constexpr const char* kPreviewDecoder = "taesd";

using Tiny = std::shared_ptr<const Component<AutoencoderTinyConfig>>;

Tiny OpenTiny(FolderReader& reader, const std::string& name) {
  Tiny tiny = reader.Open<AutoencoderTiny>(name, ReadAutoencoderTinyConfig);
  if (tiny == nullptr) return nullptr;
  if (tiny->config.out_channels != 3) reader.AddProblem(name + "/config.json: out_channels: must be a picture's 3");
  return tiny;
}

AutoencoderPart Part(const Tiny& tiny) {
  return {.latent_channels = tiny->config.latent_channels,
          .scale = tiny->config.DecoderScale(),
          .parameters = tiny->parameters,
          .load = {}};
}

std::optional<AutoencoderPart> OpenTinyVae(FolderReader& reader) {
  const Tiny tiny = OpenTiny(reader, "vae");
  if (tiny == nullptr) return std::nullopt;
  if (tiny->config.in_channels != 3) reader.AddProblem("vae/config.json: in_channels: must be a picture's 3");
  if (tiny->config.EncoderScale() != tiny->config.DecoderScale()) {
    reader.AddProblem("vae/config.json: upsampling_scaling_factor: the decoder enlarges by " +
                      std::to_string(tiny->config.DecoderScale()) + ", the encoder reduces by " +
                      std::to_string(tiny->config.EncoderScale()));
  }
  AutoencoderPart part = Part(tiny);
  part.load = [tiny](const at::TensorOptions& options, PipelineParts& parts) {
    const auto network = tiny->Load<AutoencoderTiny>(options);
    parts.codec = std::make_unique<TinyCodec>(network, options);
    parts.previewer = std::make_unique<TinyPreview>(network, options, /*shared=*/true);
  };
  return part;
}

}  // namespace

AutoencoderPart KlAutoencoder(std::shared_ptr<const Component<VaeConfig>> vae) {
  return {.latent_channels = vae->config.latent_channels,
          .scale = vae->config.Scale(),
          .parameters = vae->parameters,
          .load = [vae](const at::TensorOptions& options, PipelineParts& parts) {
            parts.codec = std::make_unique<KlCodec>(vae->Load<AutoencoderKL>(options), options);
          }};
}

std::optional<AutoencoderPart> OpenAutoencoder(FolderReader& reader) {
  if (reader.ClassOf("vae", {"AutoencoderKL", "AutoencoderTiny"}) == "AutoencoderTiny") return OpenTinyVae(reader);
  const auto vae = reader.Open<AutoencoderKL>("vae", ReadVaeConfig, ModernVaeKey);
  if (vae == nullptr) return std::nullopt;
  return KlAutoencoder(vae);
}

std::optional<AutoencoderPart> OpenPreviewDecoder(FolderReader& reader) {
  const std::filesystem::path folder = reader.path() / kPreviewDecoder;
  if (!std::filesystem::is_directory(folder)) return std::nullopt;
  const Tiny tiny = OpenTiny(reader, kPreviewDecoder);
  if (tiny == nullptr) return std::nullopt;
  AutoencoderPart part = Part(tiny);
  part.load = [tiny, folder](const at::TensorOptions& options, PipelineParts& parts) {
    const int64_t channels = parts.codec->channels();
    if (tiny->config.latent_channels != channels) {
      throw ModelError(folder.string(),
                       {"config.json: latent_channels: " + std::to_string(tiny->config.latent_channels) +
                        ", and the model's latents have " + std::to_string(channels)});
    }
    parts.previewer = std::make_unique<TinyPreview>(tiny->Load<AutoencoderTiny>(options), options, /*shared=*/false);
  };
  return part;
}

}  // namespace latentd::model
