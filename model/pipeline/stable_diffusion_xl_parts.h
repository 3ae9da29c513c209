#pragma once

#include <functional>
#include <memory>

#include "model/pipeline/model_folder.h"
#include "model/pipeline/part_reader.h"
#include "model/samplers/sampler_config.h"
#include "model/text/clip_text_config.h"
#include "model/text/clip_tokenizer.h"
#include "model/unet/unet_config.h"
#include "model/vae/vae_config.h"

namespace latentd::model {

// What pipelines of Stable Diffusion XL say beside their components.
struct StableDiffusionXlTraits {
  bool has_first_encoder = true;
  bool zeros_for_empty_negative = true;
  bool takes_aesthetic_score = false;
};

// What a StableDiffusionXLPipeline is made of, from a folder or from one file. Tokenizers throw ModelError; `tokenizer`
// and `text` are null without a first encoder.
struct StableDiffusionXlParts {
  StableDiffusionXlTraits traits;
  std::function<ClipTokenizer()> tokenizer;
  std::function<ClipTokenizer()> tokenizer_2;
  std::shared_ptr<const Component<ClipTextConfig>> text;
  std::shared_ptr<const Component<ClipTextConfig>> text_2;
  std::shared_ptr<const Component<UNetConfig>> unet;
  std::shared_ptr<const Component<VaeConfig>> vae;
  SamplerConfig sampler;
};

// The model of these parts, any of which may be missing when `reader` knows why. Throws ModelError with what is wrong
// with them, and with what does not fit together.
ModelFolder MakeStableDiffusionXl(StableDiffusionXlParts parts, PartReader& reader);

}  // namespace latentd::model
