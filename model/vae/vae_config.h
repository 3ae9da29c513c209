#pragma once

#include <cstdint>
#include <vector>

#include "model/config/config_reader.h"
#include "model/kernels/activation.h"

namespace latentd::model {

// What `vae/config.json` says (diffusers' AutoencoderKL).
struct VaeConfig {
  int64_t in_channels = 3;
  int64_t out_channels = 3;
  int64_t latent_channels = 4;
  std::vector<int64_t> channels;  // block_out_channels, from the finest level; each but the last halves the size
  int64_t layers = 1;             // layers_per_block
  Activation activation = Activation::kSilu;
  int64_t norm_groups = 32;
  int64_t sample_size = 32;         // edge in pixels of the images it was trained on: the tile when it works in tiles
  double scaling_factor = 0.18215;  // the U-Net's latents are the encoder's times this
  bool force_upcast = true;         // overflows in float16 (as SDXL's); not heeded by Stable Diffusion 1 and 2
  bool quant_conv = true;           // use_quant_conv
  bool post_quant_conv = true;      // use_post_quant_conv
  bool mid_attention = true;        // mid_block_add_attention

  // Pixels along the edge of one latent.
  int64_t Scale() const { return int64_t{1} << (channels.size() - 1); }
};

// Reads a whole configuration and calls reader.Finish(). Throws ModelError naming every field that is unknown, has a
// wrong type, or asks for what is not supported.
VaeConfig ReadVaeConfig(ConfigReader reader);

}  // namespace latentd::model
