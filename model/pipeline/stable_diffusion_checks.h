#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "model/pipeline/part_reader.h"
#include "model/pipeline/starter.h"
#include "model/text/clip_text_config.h"
#include "model/text/clip_tokenizer.h"
#include "model/unet/unet_config.h"

namespace latentd::model {

// What the layouts of all Stable Diffusion versions check and decide alike.

// A tokenizer, which errors call `name`, beside the text encoder that reads its tokens; `text` may be null. Adds
// problems to `reader`.
void CheckTokenizer(const ClipTokenizer& tokenizer, const std::string& name, const Component<ClipTextConfig>* text,
                    PartReader& reader);

// Whether all levels of a U-Net that look at a text take states of so many features.
bool ReadsText(const UNetConfig& unet, int64_t features);

// Whether the U-Net also sees the mask and the latent of what the mask leaves, and does not work without.
bool Inpaints(const UNetConfig& unet, int64_t latent_channels);

// That the U-Net takes and gives the VAE's latents, and looks at a text of `text_features`, which are `whose`. Adds
// problems to `reader`.
void CheckUNetFits(const UNetConfig& unet, int64_t latent_channels, int64_t text_features, const char* whose,
                   PartReader& reader);

std::unique_ptr<const Starter> MakeStarter(const UNetConfig& unet, int64_t latent_channels);

}  // namespace latentd::model
