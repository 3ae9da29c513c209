#pragma once

#include <cstdint>
#include <vector>

#include "model/config/config_reader.h"
#include "model/kernels/activation.h"

namespace latentd::model {

// One resolution of an unconditional U-Net, from the finest to the coarsest. Each level but the last halves the size.
struct UNet2DLevel {
  int64_t channels;     // block_out_channels
  bool down_attention;  // AttnDownBlock2D: attention behind each residual block on the way down
  bool up_attention;    // AttnUpBlock2D
  bool down_by_resnet;  // halved inside a residual block (ResnetDownsampleBlock2D; AttnDownBlock2D with downsample_type
                        // "resnet") instead of by a strided convolution
  bool up_by_resnet;    // doubled inside one (ResnetUpsampleBlock2D; AttnUpBlock2D with upsample_type "resnet")
};

// What the U-Net is told beside the timestep, added to the time's embedding.
enum class ClassEmbedding {
  kNone,
  kTable,     // a number, looked up in a table: num_class_embeds without class_embed_type
  kTimestep,  // a number, embedded as the timestep is
  kIdentity,  // an embedding
};

// What `unet/config.json` says (diffusers' UNet2DModel): DDPM's pixel-space models and unconditional latent diffusion.
struct UNet2DConfig {
  int64_t in_channels = 3;
  int64_t out_channels = 3;
  std::vector<UNet2DLevel> levels;
  int64_t layers = 2;                // layers_per_block: residual blocks on the way down (one more on the way up)
  bool has_mid_block = true;         // mid_block_type null: no middle block
  bool mid_attention = true;         // add_attention: in the middle block
  int64_t mid_attention_groups = 0;  // attn_norm_num_groups: of the norm in the middle block's attention; 0: no norm
  double mid_block_scale = 1;        // sums of the middle block are divided by it
  int64_t head_features = 8;         // attention_head_dim: features of one head; 0: one head over all channels
  bool center_input = false;         // the sample is taken as 2x - 1
  bool fourier_time = false;         // time_embedding_type "fourier": timesteps are noise levels, and divide the output
  bool flip_sin_to_cos = true;       // "positional": cosines first
  double freq_shift = 0;             // "positional": frequencies 10000^(-i / (half - freq_shift))
  int64_t time_features = 0;         // of the time embedding: time_embedding_dim, or four times the first level
  int64_t downsample_padding = 1;    // 0: one row below and one column on the right
  Activation activation = Activation::kSilu;
  int64_t norm_groups = 32;
  double norm_eps = 1e-5;
  bool scale_shift = false;  // resnet_time_scale_shift: the time scales and shifts instead of being added
  ClassEmbedding class_embedding = ClassEmbedding::kNone;
  int64_t classes = 0;        // num_class_embeds: rows of the table
  int64_t sample_height = 0;  // sample_size: of the samples it was trained on; 0 when the file does not say it
  int64_t sample_width = 0;

  // Heights and widths are multiples of it, since every level halves the size exactly.
  int64_t SizeUnit() const { return int64_t{1} << (levels.size() - 1); }
};

// Reads a whole configuration and calls reader.Finish(). Throws ModelError naming every field that is unknown, has a
// wrong type, or asks for what is not supported.
UNet2DConfig ReadUNet2DConfig(ConfigReader reader);

}  // namespace latentd::model
