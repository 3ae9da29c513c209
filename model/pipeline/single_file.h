#pragma once

#include <filesystem>
#include <memory>

#include "model/pipeline/model_folder.h"
#include "model/weights/tensor_source.h"

namespace latentd::model {

// Opens one `.safetensors` checkpoint in the original layout (`model.diffusion_model.…`, `first_stage_model.…`,
// `cond_stage_model.…`), told by its tensors: Stable Diffusion 1.x and 2.x, for text and for inpainting. The tokenizer
// is the one in the program; the model's own sampler is PNDM, or DDIM where it predicts the velocity or inpaints.
//
// A Stable Diffusion 2 checkpoint for text predicts the velocity at 768 pixels, as diffusers 0.42.1 has it
// (loaders/single_file_utils.py, _legacy_load_scheduler): no tensor tells the base models of 512 pixels, which predict
// noise, from these, but a `global_step` of 875,000, the number of steps that the base model was trained for.
//
// Throws ModelError listing everything that is wrong, and saying what the file is when it is no such checkpoint.
ModelFolder OpenSingleFile(const std::filesystem::path& path);

// The same of a file that is open.
ModelFolder OpenSingleFile(const std::shared_ptr<const TensorSource>& file);

}  // namespace latentd::model
