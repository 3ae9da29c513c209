#pragma once

#include <string>
#include <vector>

#include "model/weights/renamed_source.h"

namespace latentd::model {

// AnimateDiff's own names for a motion module's tensors (mm_sd_v15.ckpt and after, animatediff/models/
// motion_module.py), as diffusers' MotionAdapter has them: `….temporal_transformer.transformer_blocks.0.
// attention_blocks.0.to_q.weight` is `….transformer_blocks.0.attn1.to_q.weight`. The positions, of which each attention
// has its own copy there, become one.
//
// Follows diffusers 0.42.1, loaders/single_file_utils.py (convert_animatediff_checkpoint_to_diffusers).
std::vector<RenamedTensor> MotionKeys(const std::string& name, const TensorInfo& info);

// Whether a tensor has such a name.
bool IsOriginalMotionKey(const std::string& name);

// The other way: the name that a layer of diffusers' MotionAdapter has there.
std::string OriginalMotionLayer(std::string layer);

}  // namespace latentd::model
