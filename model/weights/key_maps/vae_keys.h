#pragma once

#include "model/weights/renamed_source.h"

namespace latentd::model {

// The key map of files written before diffusers 0.18 (AutoencoderKL, VQModel and UNet2DModel), whose attention layers
// are called `query`, `key`, `value` and `proj_attn`: they become `to_q`, `to_k`, `to_v` and `to_out.0`. Weights that
// were kept as 1×1 convolutions, [C, C, 1, 1], become matrices [C, C]. Newer files pass unchanged.
//
// Reference: diffusers 0.42.1, ModelMixin._fix_state_dict_keys_on_load and conv_attn_to_linear.
RenamedTensor ModernVaeKey(const std::string& name, const TensorInfo& info);

}  // namespace latentd::model
