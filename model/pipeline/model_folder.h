#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>

#include "model/pipeline/diffusion_pipeline.h"
#include "model/samplers/sampler_config.h"

namespace latentd::model {

// A model's folder in diffusers' layout (`model_index.json`, `unet/`, `vae/`, `scheduler/` …), read as far as it can be
// without its weights: configurations, and the names, types and shapes of all tensors.
struct ModelFolder {
  // "stable-diffusion-1" (text of 768 features), "stable-diffusion-2" (1024), "stable-diffusion", "ddpm",
  // "ldm-unconditional", "ldm-text", "ldm-class", "ldm-super-resolution", "stable-diffusion-upscaler".
  std::string architecture;
  int native_width = 0;  // pixels that the U-Net was trained on
  int native_height = 0;
  int size_multiple = 1;  // that widths and heights must have
  bool takes_text = false;
  bool inpaints_only = false;            // its U-Net does not work without a picture and a mask
  int num_classes = 0;                   // that it draws from; 0: none
  int upscale_factor = 0;                // by which it enlarges pictures; 0: it does not
  int max_noise_level = 0;               // TaskInputs::noise_level at most; 0: it takes none
  int text_layers = 0;                   // of the text encoder
  int prompt_tokens = 0;                 // that it takes, start and end marks included
  int default_steps = 0;                 // when a request does not say
  std::optional<double> guidance_scale;  // that suits it: `_latentd_guidance_scale` of model_index.json, 0 to 100
  SamplerConfig sampler;
  int64_t parameters = 0;  // of all networks

  // Reads the weights to where `options` say, in their type. Throws ModelError listing what is wrong with them.
  std::function<PipelineParts(const at::TensorOptions& options)> load;

  // Throws ModelError listing everything that is wrong with all of the folder's files.
  static ModelFolder Open(const std::filesystem::path& path);
};

}  // namespace latentd::model
