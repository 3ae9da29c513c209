#include "model/vae/vae_config.h"

namespace latentd::model {

VaeConfig ReadVaeConfig(ConfigReader reader) {
  VaeConfig config;
  ReadCoderConfig(reader, config);
  config.force_upcast = reader.Get("force_upcast", true);
  config.quant_conv = reader.Get("use_quant_conv", true);
  config.post_quant_conv = reader.Get("use_post_quant_conv", true);
  for (const char* key : {"shift_factor", "latents_mean", "latents_std"}) reader.Only(key, nullptr);
  reader.Finish();
  return config;
}

}  // namespace latentd::model
