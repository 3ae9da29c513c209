#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "model/weights/tensor_source.h"

namespace latentd::model {

// A checkpoint in the original layout, taken apart.
struct OriginalCheckpoint {
  struct Part {
    // Names and shapes are those of diffusers and transformers (with `text_model.`); errors call it by its file.
    // Tensors that no such network has keep the rest of their names.
    std::shared_ptr<const TensorSource> tensors;
    std::string prefix;  // of its names in the file
  };

  // By their names in diffusers: "unet", "vae", "text_encoder", "text_encoder_2". A part of which the file holds
  // nothing has no tensors.
  std::map<std::string, Part> parts;
  // Names of tensors that belong to no part. What training leaves in checkpoints is not among them, nor are the
  // averaged weights (`model_ema.`), which diffusers passes over, too.
  std::vector<std::string> others;
};

// `system`: "stable-diffusion-1", "stable-diffusion-2", "stable-diffusion-xl" or "stable-diffusion-xl-refiner", as
// Recognise() tells it. Nothing is copied. Throws ModelError when two tensors are one.
//
// Reference: diffusers 0.42.1, loaders/single_file_utils.py.
OriginalCheckpoint SplitOriginalCheckpoint(const std::shared_ptr<const TensorSource>& file, const std::string& system);

// A VAE alone, whose names may begin with "first_stage_model." or "vae.".
OriginalCheckpoint::Part OriginalVae(const std::shared_ptr<const TensorSource>& file);

// Whether a text encoder is OpenCLIP's, by its part's prefix; otherwise it is OpenAI's.
bool IsOpenClip(const OriginalCheckpoint::Part& text);

}  // namespace latentd::model
