#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/weights/renamed_source.h"

namespace latentd::model {

// The parts map of a text encoder as OpenCLIP writes it (`transformer.resblocks.0.attn.in_proj_weight`), which is how
// Stable Diffusion 2 and SDXL keep it, to CLIPTextModel's names with the prefix `text_model.`: the one matrix of
// queries, keys and values becomes three, and `text_projection` is transposed.
//
// Blocks from `layers` on are left out: Stable Diffusion 2 takes the states before the last block, which diffusers'
// text encoder of 23 layers does not have. Names are those behind `cond_stage_model.model.`.
//
// Reference: diffusers 0.42.1, loaders/single_file_utils.py, convert_open_clip_checkpoint.
std::vector<RenamedTensor> OpenClipKeys(const std::string& name, const TensorInfo& info, int64_t layers);

}  // namespace latentd::model
