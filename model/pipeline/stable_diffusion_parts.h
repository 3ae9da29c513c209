#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "model/pipeline/autoencoder_part.h"
#include "model/pipeline/model_folder.h"
#include "model/pipeline/part_reader.h"
#include "model/samplers/sampler_config.h"
#include "model/text/clip_text_config.h"
#include "model/text/clip_tokenizer.h"
#include "model/unet/unet_config.h"

namespace latentd::model {

// What a StableDiffusionPipeline is made of, from a folder or from one file.
struct StableDiffusionParts {
  std::function<ClipTokenizer()> tokenizer;  // reads it; throws ModelError
  std::shared_ptr<const Component<ClipTextConfig>> text;
  std::shared_ptr<const Component<UNetConfig>> unet;
  std::optional<AutoencoderPart> vae;
  SamplerConfig sampler;
  bool changes_sampler = true;  // the pipeline's constructor does (SamplerConfig::stable_diffusion_pipeline)
};

// The model of these parts, any of which may be missing when `reader` knows why. Throws ModelError with what is wrong
// with them, and with what does not fit together.
ModelFolder MakeStableDiffusion(StableDiffusionParts parts, PartReader& reader);

}  // namespace latentd::model
