#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "model/samplers/sampler_config.h"
#include "model/text/clip_text_config.h"
#include "model/unet/unet_config.h"
#include "model/vae/vae_config.h"
#include "model/weights/tensor_source.h"

namespace latentd::model {

// A model's folder in diffusers' layout (`model_index.json`, `unet/`, `vae/`, `text_encoder/`, `tokenizer/`,
// `scheduler/`), read as far as it can be without its weights: configurations, and the names, types and shapes of all
// tensors.
struct ModelFolder {
  std::filesystem::path path;
  std::string
      architecture;  // "stable-diffusion-1" (text of 768 features), "stable-diffusion-2" (1024), or "stable-diffusion"
  int native_width = 0;  // pixels that the U-Net was trained on
  int native_height = 0;

  std::optional<double> guidance_scale;  // that suits it: `_latentd_guidance_scale` of model_index.json, 0 to 100

  SamplerConfig sampler;
  ClipTextConfig text;
  UNetConfig unet;
  VaeConfig vae;

  // Open and checked against the networks; names are those of the modules.
  std::shared_ptr<const TensorSource> text_weights;
  std::shared_ptr<const TensorSource> unet_weights;
  std::shared_ptr<const TensorSource> vae_weights;

  // Parameters of all networks.
  int64_t parameters = 0;

  // Throws ModelError listing everything that is wrong with all of the folder's files.
  static ModelFolder Open(const std::filesystem::path& path);
};

}  // namespace latentd::model
