#pragma once

#include "model/vae/coder_config.h"

namespace latentd::model {

// What `vqvae/config.json` says (diffusers' VQModel).
struct VQModelConfig : CoderConfig {
  int64_t codes = 256;                // num_vq_embeddings: vectors of the codebook
  int64_t code_features = 0;          // vq_embed_dim, or latent_channels
  bool lookup_from_codebook = false;  // its latents are numbers of codes, as a generator of tokens makes them
  bool force_upcast = false;          // overflows in float16
};

// Reads a whole configuration and calls reader.Finish(). Throws ModelError naming every field that is unknown, has a
// wrong type, or asks for what is not supported.
VQModelConfig ReadVQModelConfig(ConfigReader reader);

}  // namespace latentd::model
