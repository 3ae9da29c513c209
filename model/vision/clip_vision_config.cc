#include "model/vision/clip_vision_config.h"

#include <string>

#include "model/text/pretrained_fields.h"

namespace latentd::model {
namespace {

// Far above any model, so that the number of tokens stays far from the limits of memory.
constexpr int64_t kLargestImage = 4096;

}  // namespace

ClipVisionConfig ReadClipVisionConfig(ConfigReader reader) {
  ClipVisionConfig config;
  config.hidden_size = ReadSize(reader, "hidden_size", config.hidden_size);
  config.intermediate_size = ReadSize(reader, "intermediate_size", config.intermediate_size);
  config.layers = ReadSize(reader, "num_hidden_layers", config.layers);
  config.heads = ReadSize(reader, "num_attention_heads", config.heads);
  config.projection_dim = ReadSize(reader, "projection_dim", config.projection_dim);
  config.image_size = ReadSize(reader, "image_size", config.image_size);
  config.patch_size = ReadSize(reader, "patch_size", config.patch_size);
  if (config.hidden_size % config.heads != 0) {
    reader.AddProblem("num_attention_heads", std::to_string(config.heads) + " does not divide hidden_size, " +
                                                 std::to_string(config.hidden_size));
  }
  if (config.image_size > kLargestImage) {
    reader.AddProblem("image_size", "must be at most 4096");
  }
  if (config.patch_size > config.image_size) reader.AddProblem("patch_size", "must be at most image_size");
  config.layer_norm_eps = reader.Get("layer_norm_eps", config.layer_norm_eps);
  const std::string activation = reader.GetChoice("hidden_act", "quick_gelu", {"quick_gelu", "gelu"});
  config.activation = activation == "gelu" ? Activation::kGelu : Activation::kQuickGelu;

  reader.GetChoice("model_type", "clip_vision_model", {"clip_vision_model"});
  reader.Only("num_channels", 3);
  reader.Only("use_attention_mask", false);
  reader.Only("is_decoder", false);
  reader.Only("add_cross_attention", false);
  reader.Only("pruned_heads", nlohmann::json::object());
  // Training, and the numbers of a tokenizer, which transformers 4 wrote for every model.
  reader.Ignore({"architectures", "attention_dropout", "dropout", "initializer_factor", "initializer_range",
                 "bos_token_id", "eos_token_id", "pad_token_id", "sep_token_id", "torch_dtype", "dtype",
                 "transformers_version", "gradient_checkpointing"});
  IgnorePretrainedFields(reader);
  reader.Finish();
  return config;
}

}  // namespace latentd::model
