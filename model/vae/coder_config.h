#pragma once

#include <cstdint>
#include <vector>

#include "model/config/config_reader.h"
#include "model/kernels/activation.h"

namespace latentd::model {

// What the configurations of the convolutional autoencoders (diffusers' AutoencoderKL and VQModel) have in common.
struct CoderConfig {
  int64_t in_channels = 3;
  int64_t out_channels = 3;
  int64_t latent_channels = 4;
  std::vector<int64_t> channels;     // block_out_channels, from the finest level; each but the last halves the size
  std::vector<bool> down_attention;  // of each level: AttnDownEncoderBlock2D, otherwise DownEncoderBlock2D
  std::vector<bool> up_attention;    // of each level, again from the finest: AttnUpDecoderBlock2D or UpDecoderBlock2D
  int64_t layers = 1;                // layers_per_block
  Activation activation = Activation::kSilu;
  int64_t norm_groups = 32;
  bool mid_attention = true;        // mid_block_add_attention
  int64_t sample_size = 32;         // edge in pixels of the images it was trained on
  double scaling_factor = 0.18215;  // the U-Net's latents are the encoder's times this

  // Pixels along the edge of one latent.
  int64_t Scale() const { return int64_t{1} << (channels.size() - 1); }
};

// Reads the common fields into `config`, whose latent_channels are the default of the class. Problems become the
// reader's.
void ReadCoderConfig(ConfigReader& reader, CoderConfig& config);

}  // namespace latentd::model
