#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "model/config/config_reader.h"
#include "model/kernels/activation.h"

namespace latentd::model {

// One resolution of the U-Net, from the finest to the coarsest. Each level but the last halves the size.
struct UNetLevel {
  int64_t channels;            // block_out_channels
  int64_t layers;              // layers_per_block: residual blocks on the way down (one more on the way up)
  int64_t transformer_layers;  // transformer_layers_per_block: transformer blocks behind each residual block
  int64_t heads;               // attention_head_dim, which means the number of heads (see below)
  int64_t context_features;    // cross_attention_dim
  bool only_cross_attention;   // the first attention of a transformer block looks at the context too
  bool down_attention;         // CrossAttnDownBlock2D, otherwise DownBlock2D
  bool up_attention;           // CrossAttnUpBlock2D, otherwise UpBlock2D
};

// What `unet/config.json` says (diffusers' UNet2DConditionModel), as far as latent diffusion and Stable Diffusion 1.x,
// 2.x and XL use it.
//
// `attention_head_dim` of these checkpoints is the number of heads, by a misnomer that diffusers keeps
// (github.com/huggingface/diffusers/issues/2011); `num_attention_heads` is refused there, and here.
struct UNetConfig {
  int64_t in_channels = 4;
  int64_t out_channels = 4;
  std::vector<UNetLevel> levels;
  bool has_mid_block = true;       // mid_block_type null: no middle block
  bool center_input = false;       // the sample is taken as 2x - 1
  bool flip_sin_to_cos = true;     // cosines first in the timestep's embedding
  double freq_shift = 0;           // frequencies 10000^(-i / (half - freq_shift))
  int64_t time_features = 0;       // of the time embedding: time_embedding_dim, or four times the first level
  int64_t guidance_features = 0;   // time_cond_proj_dim: of the guidance scale's embedding; 0: the network has none
  int64_t downsample_padding = 1;  // 0: one row below and one column on the right
  double mid_block_scale = 1;      // sums of the middle block's residual blocks are divided by it
  Activation activation = Activation::kSilu;
  int64_t norm_groups = 32;
  double norm_eps = 1e-5;
  bool linear_projection = false;  // transformers are entered by linear layers instead of 1x1 convolutions
  int64_t conv_in_kernel = 3;
  int64_t conv_out_kernel = 3;
  // addition_embed_type "text_time" (Stable Diffusion XL): the time embedding is joined by one of a pooled text and of
  // numbers about the picture. 0: without.
  int64_t added_features = 0;         // projection_class_embeddings_input_dim: of the text and all numbers
  int64_t added_number_features = 0;  // addition_time_embed_dim: sinusoids of each number
  int64_t classes = 0;                // num_class_embeds: rows of a table that is added to the time; 0: no such table
  // attention_type "gated" (GLIGEN): transformer blocks may look at phrases in boxes, too.
  bool gated = false;
  int64_t sample_height = 64;  // of the latents it was trained on
  int64_t sample_width = 64;
  // One number, written by a release of diffusers before 0.9: the pipelines of Stable Diffusion take it as 64 at least,
  // since the files of Stable Diffusion 1 say 32 by mistake.
  bool old_sample_size = false;
};

// Reads a whole configuration and calls reader.Finish(). Throws ModelError naming every field that is unknown, has a
// wrong type, or asks for what is not supported.
UNetConfig ReadUNetConfig(ConfigReader reader);

}  // namespace latentd::model
