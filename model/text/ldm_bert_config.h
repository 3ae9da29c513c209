#pragma once

#include <cstdint>

#include "model/config/config_reader.h"
#include "model/kernels/activation.h"

namespace latentd::model {

// `bert/config.json` of an LDMBertModel. Defaults are those of diffusers' LDMBertConfig.
struct LdmBertConfig {
  int64_t vocab_size = 30522;
  int64_t max_positions = 77;  // max_position_embeddings: the longest sequence
  int64_t hidden_size = 1280;  // d_model: features of a token
  int64_t layers = 32;         // encoder_layers
  int64_t heads = 8;           // encoder_attention_heads
  int64_t head_features = 64;  // head_dim; the heads together need not have hidden_size features
  int64_t inner_size = 5120;   // encoder_ffn_dim: features inside the feed-forward
  Activation activation = Activation::kGelu;
};

// Reads a whole configuration and calls reader.Finish(). Throws ModelError naming every field that is unknown, has a
// wrong type, or asks for what is not supported.
LdmBertConfig ReadLdmBertConfig(ConfigReader reader);

}  // namespace latentd::model
