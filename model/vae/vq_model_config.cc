#include "model/vae/vq_model_config.h"

namespace latentd::model {

VQModelConfig ReadVQModelConfig(ConfigReader reader) {
  VQModelConfig config;
  config.latent_channels = 3;  // by default
  ReadCoderConfig(reader, config);
  config.codes = reader.GetCount("num_vq_embeddings", 256);
  config.code_features = reader.GetCount("vq_embed_dim", config.latent_channels);
  config.lookup_from_codebook = reader.Get("lookup_from_codebook", false);
  config.force_upcast = reader.Get("force_upcast", false);
  reader.Only("norm_type", "group");
  reader.Finish();
  return config;
}

}  // namespace latentd::model
