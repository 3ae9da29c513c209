#pragma once

#include <filesystem>
#include <memory>

#include "model/weights/tensor_source.h"

namespace latentd::model {

// Opens the weights in a component's folder of the diffusers layout (`unet/`, `vae/`, `text_encoder/`): one safetensors
// file or a sharded set, called `diffusion_pytorch_model` (diffusers) or `model` (transformers). The full-precision
// file is preferred; without it, a variant (`diffusion_pytorch_model.fp16.safetensors`) is taken.
//
// Throws ModelError when there is none (it names deploy/convert.py when there are pickle files), and what
// SafetensorsFile and ShardedSource throw.
std::shared_ptr<const TensorSource> OpenComponent(const std::filesystem::path& folder);

}  // namespace latentd::model
