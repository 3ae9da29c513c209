#include "model/text/ldm_bert_config.h"

#include "model/config/pretrained_fields.h"
#include "model/layers/activation.h"

namespace latentd::model {

LdmBertConfig ReadLdmBertConfig(ConfigReader reader) {
  LdmBertConfig config;
  config.vocab_size = ReadSize(reader, "vocab_size", config.vocab_size);
  config.max_positions = ReadSize(reader, "max_position_embeddings", config.max_positions);
  config.hidden_size = ReadSize(reader, "d_model", config.hidden_size);
  config.layers = ReadSize(reader, "encoder_layers", config.layers);
  config.heads = ReadSize(reader, "encoder_attention_heads", config.heads);
  config.head_features = ReadSize(reader, "head_dim", config.head_features);
  config.inner_size = ReadSize(reader, "encoder_ffn_dim", config.inner_size);
  config.activation = ReadActivation(reader, "activation_function", "gelu");
  reader.GetChoice("model_type", "ldmbert", {"ldmbert"});
  // Training, names that mean other fields, and what the reference has a field for and does not look at.
  reader.Ignore({"architectures",
                 "activation_dropout",
                 "attention_dropout",
                 "classifier_dropout",
                 "dropout",
                 "encoder_layerdrop",
                 "init_std",
                 "num_hidden_layers",
                 "pad_token_id",
                 "scale_embedding",
                 "use_cache",
                 "bos_token_id",
                 "eos_token_id",
                 "sep_token_id",
                 "torch_dtype",
                 "dtype",
                 "transformers_version",
                 "gradient_checkpointing",
                 "is_decoder",
                 "add_cross_attention",
                 "pruned_heads"});
  IgnorePretrainedFields(reader);
  reader.Finish();
  return config;
}

}  // namespace latentd::model
