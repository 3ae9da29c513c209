#pragma once

#include <cstdint>

#include "model/config/config_reader.h"
#include "model/kernels/activation.h"

namespace latentd::model {

// `text_encoder/config.json` of a CLIPTextModel. Defaults are those of transformers' CLIPTextConfig.
struct ClipTextConfig {
  int64_t vocab_size = 49408;
  int64_t max_positions = 77;        // max_position_embeddings: the longest sequence
  int64_t hidden_size = 512;         // features of a token
  int64_t intermediate_size = 2048;  // features inside the feed-forward
  int64_t layers = 12;               // num_hidden_layers
  int64_t heads = 8;                 // num_attention_heads; divides hidden_size
  int64_t projection_dim = 512;      // features of the pooled output of a CLIPTextModelWithProjection
  double layer_norm_eps = 1e-5;
  Activation activation = Activation::kQuickGelu;
  // Where the pooled output is taken: at the first of these; 2, which old files say by mistake, means the largest id.
  int64_t eos_token_id = 49407;
};

// Reads a whole configuration, of any version of transformers, and calls reader.Finish(). Throws ModelError naming
// every field that is unknown, has a wrong type, or asks for what is not supported.
ClipTextConfig ReadClipTextConfig(ConfigReader reader);

}  // namespace latentd::model
