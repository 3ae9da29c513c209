#include "model/text/clip_text_config.h"

#include <string>

#include "model/text/pretrained_fields.h"

namespace latentd::model {
ClipTextConfig ReadClipTextConfig(ConfigReader reader) {
  ClipTextConfig config;
  config.vocab_size = ReadSize(reader, "vocab_size", config.vocab_size);
  config.max_positions = ReadSize(reader, "max_position_embeddings", config.max_positions);
  config.hidden_size = ReadSize(reader, "hidden_size", config.hidden_size);
  config.intermediate_size = ReadSize(reader, "intermediate_size", config.intermediate_size);
  config.layers = ReadSize(reader, "num_hidden_layers", config.layers);
  config.heads = ReadSize(reader, "num_attention_heads", config.heads);
  config.projection_dim = ReadSize(reader, "projection_dim", config.projection_dim);
  if (config.hidden_size % config.heads != 0) {
    reader.AddProblem("num_attention_heads", std::to_string(config.heads) + " does not divide hidden_size, " +
                                                 std::to_string(config.hidden_size));
  }
  config.layer_norm_eps = reader.Get("layer_norm_eps", config.layer_norm_eps);
  config.eos_token_id = reader.Get("eos_token_id", config.eos_token_id);
  const std::string activation = reader.GetChoice("hidden_act", "quick_gelu", {"quick_gelu", "gelu"});
  config.activation = activation == "gelu" ? Activation::kGelu : Activation::kQuickGelu;

  reader.GetChoice("model_type", "clip_text_model", {"clip_text_model"});
  reader.Only("use_attention_mask", false);
  reader.Only("is_decoder", false);
  reader.Only("add_cross_attention", false);
  reader.Only("pruned_heads", nlohmann::json::object());
  // Training, the tokenizer's numbers, and the heads of other classes over the same network.
  reader.Ignore({"architectures", "attention_dropout", "dropout", "initializer_factor", "initializer_range",
                 "bos_token_id", "pad_token_id", "sep_token_id", "torch_dtype", "dtype", "transformers_version",
                 "gradient_checkpointing"});
  IgnorePretrainedFields(reader);
  reader.Finish();
  return config;
}

}  // namespace latentd::model
