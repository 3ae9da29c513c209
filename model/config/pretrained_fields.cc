#include "model/config/pretrained_fields.h"

namespace latentd::model {
namespace {

constexpr int64_t kLargestSize = 10'000'000;

}  // namespace

int64_t ReadSize(ConfigReader& reader, const std::string& key, int64_t fallback) {
  const int64_t value = reader.Get<int64_t>(key, fallback);
  if (value >= 1 && value <= kLargestSize) return value;
  reader.AddProblem(key, std::to_string(value) + " is not a number from 1 to " + std::to_string(kLargestSize));
  return fallback;
}

void IgnorePretrainedFields(ConfigReader& reader) {
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
}

}  // namespace latentd::model
