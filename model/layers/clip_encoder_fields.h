#pragma once

#include <string>

#include "model/config/config_reader.h"
#include "model/config/pretrained_fields.h"
#include "model/layers/clip_encoder.h"

namespace latentd::model {

// What the configurations of CLIP's two encoders have in common. `Config` is ClipTextConfig or ClipVisionConfig.

template <typename Config>
ClipEncoderShape ClipEncoderShapeOf(const Config& config, bool causal) {
  return {.hidden_size = config.hidden_size,
          .intermediate_size = config.intermediate_size,
          .layers = config.layers,
          .heads = config.heads,
          .layer_norm_eps = config.layer_norm_eps,
          .activation = config.activation,
          .causal = causal};
}

// Reads the fields of the encoder and of the projection behind it, and passes by those that have no effect. What
// `config` holds is the default.
template <typename Config>
void ReadClipEncoderFields(ConfigReader& reader, Config& config) {
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
  const std::string activation = reader.GetChoice("hidden_act", "quick_gelu", {"quick_gelu", "gelu"});
  config.activation = activation == "gelu" ? Activation::kGelu : Activation::kQuickGelu;

  reader.Only("use_attention_mask", false);
  reader.Only("is_decoder", false);
  reader.Only("add_cross_attention", false);
  reader.Only("pruned_heads", nlohmann::json::object());
  // Training, and the numbers of a tokenizer, which transformers 4 wrote for every model.
  reader.Ignore({"architectures", "attention_dropout", "dropout", "initializer_factor", "initializer_range",
                 "bos_token_id", "pad_token_id", "sep_token_id", "torch_dtype", "dtype", "transformers_version",
                 "gradient_checkpointing"});
  IgnorePretrainedFields(reader);
}

}  // namespace latentd::model
