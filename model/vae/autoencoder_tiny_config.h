#pragma once

#include <cstdint>
#include <vector>

#include "model/config/config_reader.h"
#include "model/kernels/activation.h"

namespace latentd::model {

// What the configuration of a tiny autoencoder says (diffusers' AutoencoderTiny).
struct AutoencoderTinyConfig {
  int64_t in_channels = 3;
  int64_t out_channels = 3;
  int64_t latent_channels = 4;
  int64_t encoder_channels = 64;        // encoder_block_out_channels, the same for every stage
  int64_t decoder_channels = 64;        // decoder_block_out_channels, likewise
  std::vector<int64_t> encoder_blocks;  // num_encoder_blocks of each stage; each but the first halves the size
  std::vector<int64_t> decoder_blocks;  // num_decoder_blocks of each stage; each but the last enlarges
  int64_t upsampling_factor = 2;        // upsampling_scaling_factor
  Activation activation = Activation::kRelu;
  double latent_magnitude = 3;  // latents are within it, on either side of 0
  double latent_shift = 0.5;    // where 0 lies among the scaled ones
  double scaling_factor = 1;    // the U-Net's latents are the encoder's times this

  // Pixels along the edge of one latent, for the encoder and for the decoder.
  int64_t EncoderScale() const;
  int64_t DecoderScale() const;
};

// Reads a whole configuration and calls reader.Finish(). Throws ModelError naming every field that is unknown, has a
// wrong type, or asks for what is not supported.
AutoencoderTinyConfig ReadAutoencoderTinyConfig(ConfigReader reader);

}  // namespace latentd::model
