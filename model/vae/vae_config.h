#pragma once

#include "model/vae/coder_config.h"

namespace latentd::model {

// What `vae/config.json` says (diffusers' AutoencoderKL).
struct VaeConfig : CoderConfig {
  bool force_upcast = true;     // overflows in float16 (as SDXL's); not heeded by Stable Diffusion 1 and 2
  bool quant_conv = true;       // use_quant_conv
  bool post_quant_conv = true;  // use_post_quant_conv
};

// Reads a whole configuration and calls reader.Finish(). Throws ModelError naming every field that is unknown, has a
// wrong type, or asks for what is not supported.
VaeConfig ReadVaeConfig(ConfigReader reader);

}  // namespace latentd::model
