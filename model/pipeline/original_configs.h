#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

#include "model/weights/tensor_source.h"

namespace latentd::model {

// The configuration files that a checkpoint in the original layout lacks, as diffusers writes them: what shapes tell
// (levels, layers, channels, features) is read from the tensors, the rest is what every checkpoint of the system has.
// The same readers read them that read a folder's files (ReadUNetConfig …), and so check them.
//
// Tensors are under diffusers' names, as SplitOriginalCheckpoint gives them; `system` is the architecture that
// Recognise() tells. Throws ModelError naming the tensors that are missing and without which nothing can be told.
//
// Sources: the configurations that diffusers 0.42.1 (loaders/single_file_utils.py) takes for such files; sizes and
// numbers of heads, which it has from the checkpoints' own configurations, by create_unet_diffusers_config_from_ldm
// there.

// `sample_size`: edge of the latents that it was trained on.
nlohmann::json OriginalUNetConfig(const TensorSource& source, const std::string& system, int sample_size);

// `sample_size`: edge in pixels of the pictures that it was trained on.
nlohmann::json OriginalVaeConfig(const TensorSource& source, const std::string& system, int sample_size);

// `open_clip`: the text encoder is OpenCLIP's, otherwise OpenAI's.
nlohmann::json OriginalTextConfig(const TensorSource& source, bool open_clip);

// How a checkpoint was trained, as far as shapes do not tell.
struct OriginalTraining {
  int pixels;         // edge of its pictures
  bool v_prediction;  // otherwise it predicts the noise
  bool inpaints;      // a model for inpainting only
};

// The `scheduler_config.json` published with v1-5, inpainting, 2-1 and 2-1-base, which say nothing of the spacing of
// timesteps, so that each sampler has its class's own; and with Stable Diffusion XL, which does.
nlohmann::json OriginalSamplerConfig(const std::string& system, const OriginalTraining& training);

}  // namespace latentd::model
