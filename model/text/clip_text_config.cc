#include "model/text/clip_text_config.h"

#include "model/layers/clip_encoder_fields.h"

namespace latentd::model {

ClipTextConfig ReadClipTextConfig(ConfigReader reader) {
  ClipTextConfig config;
  config.vocab_size = ReadSize(reader, "vocab_size", config.vocab_size);
  config.max_positions = ReadSize(reader, "max_position_embeddings", config.max_positions);
  ReadClipEncoderFields(reader, config);
  config.eos_token_id = reader.Get("eos_token_id", config.eos_token_id);
  reader.GetChoice("model_type", "clip_text_model", {"clip_text_model"});
  reader.Finish();
  return config;
}

}  // namespace latentd::model
