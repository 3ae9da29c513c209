#pragma once

#include <cstdint>

#include "model/config/config_reader.h"
#include "model/kernels/activation.h"

namespace latentd::model {

// `image_encoder/config.json` of a CLIPVisionModelWithProjection. Defaults are those of transformers' CLIPVisionConfig.
struct ClipVisionConfig {
  int64_t hidden_size = 768;         // features of a token
  int64_t intermediate_size = 3072;  // features inside the feed-forward
  int64_t layers = 12;               // num_hidden_layers
  int64_t heads = 12;                // num_attention_heads; divides hidden_size
  int64_t projection_dim = 512;      // features of the picture as one vector
  int64_t image_size = 224;          // pixels along both edges of the picture that it sees
  int64_t patch_size = 32;           // pixels along both edges of what becomes one token
  double layer_norm_eps = 1e-5;
  Activation activation = Activation::kQuickGelu;

  int64_t Tokens() const { return (image_size / patch_size) * (image_size / patch_size) + 1; }
};

// Reads a whole configuration, of any version of transformers, and calls reader.Finish(). Throws ModelError naming
// every field that is unknown, has a wrong type, or asks for what is not supported.
ClipVisionConfig ReadClipVisionConfig(ConfigReader reader);

}  // namespace latentd::model
