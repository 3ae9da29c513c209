#include "model/text/clip_text_config.h"

#include <string>

namespace latentd::model {
namespace {

constexpr int64_t kLargestSize = 10'000'000;  // far above any model, so that products of two fit 64 bits

int64_t ReadSize(ConfigReader& reader, const std::string& key, int64_t fallback) {
  const int64_t value = reader.Get<int64_t>(key, fallback);
  if (value >= 1 && value <= kLargestSize) return value;
  reader.AddProblem(key, std::to_string(value) + " is not a number from 1 to " + std::to_string(kLargestSize));
  return fallback;
}

}  // namespace

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
  // What PretrainedConfig of transformers 4 writes for every model; it concerns classifiers and text generation.
  reader.Ignore({"bad_words_ids",
                 "begin_suppress_tokens",
                 "chunk_size_feed_forward",
                 "cross_attention_hidden_size",
                 "decoder_start_token_id",
                 "diversity_penalty",
                 "do_sample",
                 "early_stopping",
                 "encoder_no_repeat_ngram_size",
                 "exponential_decay_length_penalty",
                 "finetuning_task",
                 "forced_bos_token_id",
                 "forced_eos_token_id",
                 "id2label",
                 "is_encoder_decoder",
                 "label2id",
                 "length_penalty",
                 "max_length",
                 "min_length",
                 "no_repeat_ngram_size",
                 "num_beam_groups",
                 "num_beams",
                 "num_return_sequences",
                 "output_attentions",
                 "output_hidden_states",
                 "output_scores",
                 "prefix",
                 "problem_type",
                 "remove_invalid_values",
                 "repetition_penalty",
                 "return_dict",
                 "return_dict_in_generate",
                 "suppress_tokens",
                 "task_specific_params",
                 "temperature",
                 "tf_legacy_loss",
                 "tie_encoder_decoder",
                 "tie_word_embeddings",
                 "tokenizer_class",
                 "top_k",
                 "top_p",
                 "torchscript",
                 "typical_p",
                 "use_bfloat16"});
  reader.Finish();
  return config;
}

}  // namespace latentd::model
