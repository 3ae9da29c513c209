#pragma once

#include <cstdint>
#include <vector>

#include "model/config/config_reader.h"
#include "model/unet/unet_config.h"

namespace latentd::model {

// What a ControlNet's `config.json` says (diffusers' ControlNetModel).
struct ControlNetConfig {
  UNetConfig unet;               // of its way down and its middle block, which are a U-Net's
  int64_t picture_channels = 3;  // conditioning_channels
  // conditioning_embedding_out_channels: of the convolutions that bring the picture to the latent's size; each but the
  // last halves it.
  std::vector<int64_t> hint_channels = {16, 32, 96, 256};
  bool blue_first = false;  // controlnet_conditioning_channel_order "bgr"

  // Pixels along the edge of one place of the latent.
  int64_t PictureScale() const { return int64_t{1} << (hint_channels.size() - 1); }
};

// Reads a whole configuration and calls reader.Finish(). Throws ModelError naming every field that is unknown, has a
// wrong type, or asks for what is not supported: global_pool_conditions, and what ReadUNetConfig does not support.
ControlNetConfig ReadControlNetConfig(ConfigReader reader);

}  // namespace latentd::model
