#include "model/pipeline/stable_diffusion_checks.h"

#include <algorithm>
#include <string>

namespace latentd::model {
namespace {

// The latent, the mask and the latent of what the mask leaves.
int64_t InpaintingChannels(int64_t latent_channels) { return 2 * latent_channels + 1; }

}  // namespace

bool ReadsText(const UNetConfig& unet, int64_t features) {
  return std::all_of(unet.levels.begin(), unet.levels.end(), [&](const UNetLevel& level) {
    const bool attends =
        level.down_attention || level.up_attention || (&level == &unet.levels.back() && unet.has_mid_block);
    return !attends || level.context_features == features;
  });
}

void CheckTokenizer(const ClipTokenizer& tokenizer, const std::string& name, const Component<ClipTextConfig>* text,
                    PartReader& reader) {
  if (text == nullptr) return;
  const auto check = [&](const char* what, int64_t has, int64_t allowed) {
    if (has <= allowed) return;
    reader.AddProblem(std::string(name).append(": has ").append(what) + std::to_string(has) +
                      " tokens; the text encoder has " + std::to_string(allowed));
  };
  check("", tokenizer.vocab_size(), text->config.vocab_size);
  check("a window of ", tokenizer.window(), text->config.max_positions);
}

bool Inpaints(const UNetConfig& unet, int64_t latent_channels) {
  return unet.in_channels == InpaintingChannels(latent_channels);
}

void CheckUNetFits(const UNetConfig& unet, int64_t latent_channels, int64_t text_features, const char* whose,
                   PartReader& reader) {
  if (unet.in_channels != latent_channels && !Inpaints(unet, latent_channels)) {
    reader.AddProblem("unet: in_channels must be the VAE's " + std::to_string(latent_channels) +
                      " latent channels, or " + std::to_string(InpaintingChannels(latent_channels)) +
                      " of a model for inpainting");
  }
  if (unet.out_channels != latent_channels) {
    reader.AddProblem("unet: out_channels must be the VAE's " + std::to_string(latent_channels) + " latent channels");
  }
  if (!ReadsText(unet, text_features)) {
    reader.AddProblem(std::string("unet: cross_attention_dim must be ")
                          .append(whose)
                          .append(", ")
                          .append(std::to_string(text_features)));
  }
}

std::unique_ptr<const Starter> MakeStarter(const UNetConfig& unet, int64_t latent_channels) {
  if (Inpaints(unet, latent_channels)) return std::make_unique<InpaintingStarter>();
  return std::make_unique<PlainStarter>();
}

}  // namespace latentd::model
