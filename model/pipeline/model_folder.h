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

// What a model does without when it is not wanted.
struct OptionalParts {
  bool safety_checker = true;
};

// A model's files, read as far as they can be without its weights (configurations, and the names, types and shapes of
// all tensors): a folder in diffusers' layout (`model_index.json`, `unet/`, `vae/`, `scheduler/` …), or one checkpoint
// in the original layout (single_file.h).
struct ModelFolder {
  // "stable-diffusion-1" (text of 768 features), "stable-diffusion-2" (1024), "stable-diffusion", "ddpm",
  // "ldm-unconditional", "ldm-text", "ldm-class", "ldm-super-resolution", "stable-diffusion-upscaler",
  // "stable-diffusion-xl", "stable-diffusion-xl-refiner".
  std::string architecture;
  bool one_file = false;
  int native_width = 0;  // pixels that the U-Net was trained on
  int native_height = 0;
  int size_multiple = 1;  // that widths and heights must have
  bool takes_text = false;
  bool takes_prompt_2 = false;           // it has a second text encoder beside the first
  bool takes_size_conditioning = false;  // its U-Net is told sizes
  bool takes_aesthetic_score = false;    // and a score instead of the target size
  bool needs_picture = false;            // it starts from one
  bool has_safety_checker = false;       // that looks at its pictures
  int latent_channels = 0;
  int latent_scale = 1;          // pixels along the edge of one place of a latent
  bool takes_boxes = false;      // its U-Net can be told phrases in boxes
  bool takes_motion = false;     // motion modules make its pictures clips
  bool inpaints_only = false;    // its U-Net does not work without a picture and a mask
  int num_classes = 0;           // that it draws from; 0: none
  int upscale_factor = 0;        // by which it enlarges pictures; 0: it does not
  int max_noise_level = 0;       // TaskInputs::noise_level at most; 0: it takes none
  int text_layers = 0;           // of the text encoder
  int prompt_tokens = 0;         // that it takes, start and end marks included
  bool weighs_prompts = false;   // its prompts have weights and windows
  int default_steps = 0;         // when a request does not say
  bool embeds_guidance = false;  // its U-Net is told the guidance scale: one lane a row, and no negative prompt
  // That suits it: `_latentd_guidance_scale` of model_index.json, 0 to 100, or what its pipeline class takes.
  std::optional<double> guidance_scale;
  SamplerConfig sampler;
  int64_t parameters = 0;         // of all networks
  int64_t upcast_parameters = 0;  // those among them that are float32 where the others are float16

  // Reads the weights to where `options` say, in their type. Throws ModelError listing what is wrong with them.
  std::function<PipelineParts(const at::TensorOptions& options)> load;

  // `path`: a folder, or a file. Throws ModelError listing everything that is wrong with all of its files; of a file
  // that is no model, what it is. `parts`: what is left out is not looked at, whatever the files say of it.
  static ModelFolder Open(const std::filesystem::path& path, const OptionalParts& parts = {});
};

}  // namespace latentd::model
