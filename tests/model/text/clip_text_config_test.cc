#include "model/text/clip_text_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/model/weights/test_folder.h"

namespace latentd::model {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::UnorderedElementsAre;

ClipTextConfig Read(const char* text) { return ReadClipTextConfig(ConfigReader("x", nlohmann::json::parse(text))); }

std::vector<std::string> Problems(const char* text) {
  return ProblemsOf([&] { Read(text); });
}

TEST(ClipTextConfigTest, ReadsStableDiffusion1) {
  const ClipTextConfig config = Read(R"({
    "_name_or_path": "openai/clip-vit-large-patch14", "architectures": ["CLIPTextModel"], "attention_dropout": 0.0,
    "bos_token_id": 0, "dropout": 0.0, "eos_token_id": 2, "hidden_act": "quick_gelu", "hidden_size": 768,
    "initializer_factor": 1.0, "initializer_range": 0.02, "intermediate_size": 3072, "layer_norm_eps": 1e-05,
    "max_position_embeddings": 77, "model_type": "clip_text_model", "num_attention_heads": 12, "num_hidden_layers": 12,
    "pad_token_id": 1, "projection_dim": 768, "torch_dtype": "float32", "transformers_version": "4.22.0.dev0",
    "vocab_size": 49408})");
  EXPECT_EQ(config.hidden_size, 768);
  EXPECT_EQ(config.intermediate_size, 3072);
  EXPECT_EQ(config.layers, 12);
  EXPECT_EQ(config.heads, 12);
  EXPECT_EQ(config.vocab_size, 49408);
  EXPECT_EQ(config.max_positions, 77);
  EXPECT_EQ(config.eos_token_id, 2);
  EXPECT_EQ(config.activation, Activation::kQuickGelu);
}

TEST(ClipTextConfigTest, ReadsStableDiffusion2AndNewFieldNames) {
  const ClipTextConfig config = Read(R"({
    "hidden_act": "gelu", "hidden_size": 1024, "intermediate_size": 4096, "num_attention_heads": 16,
    "num_hidden_layers": 23, "eos_token_id": 49407, "dtype": "bfloat16", "layer_norm_eps": 0.001})");
  EXPECT_EQ(config.activation, Activation::kGelu);
  EXPECT_EQ(config.layers, 23);
  EXPECT_EQ(config.layer_norm_eps, 0.001);
}

TEST(ClipTextConfigTest, ReadsWhatOldVersionsWroteForEveryModel) {
  Read(R"({"return_dict": true, "output_hidden_states": false, "torchscript": false, "use_bfloat16": false,
           "pruned_heads": {}, "tie_word_embeddings": true, "is_encoder_decoder": false, "is_decoder": false,
           "cross_attention_hidden_size": null, "add_cross_attention": false, "max_length": 20, "top_p": 1.0,
           "id2label": {"0": "LABEL_0"}, "problem_type": null, "chunk_size_feed_forward": 0})");
}

TEST(ClipTextConfigTest, UsesTheDefaultsOfTransformers) {
  const ClipTextConfig config = Read("{}");
  EXPECT_EQ(config.hidden_size, 512);
  EXPECT_EQ(config.heads, 8);
  EXPECT_EQ(config.eos_token_id, 49407);
}

TEST(ClipTextConfigTest, NamesEverythingThatItCannotDo) {
  EXPECT_THAT(
      Problems(R"({"hidden_act": "gelu_new", "use_attention_mask": true, "rope_theta": 1, "vocab_size": "9"})"),
      UnorderedElementsAre(HasSubstr("hidden_act: 'gelu_new'"), HasSubstr("use_attention_mask: true"),
                           HasSubstr("rope_theta: unknown field"), HasSubstr("vocab_size: has the wrong type")));
  EXPECT_THAT(Problems(R"({"hidden_size": 0})"), ElementsAre(HasSubstr("hidden_size: 0 is not")));
  EXPECT_THAT(Problems(R"({"num_hidden_layers": -3})"), ElementsAre(HasSubstr("num_hidden_layers: -3 is not")));
  EXPECT_THAT(Problems(R"({"vocab_size": 100000000000})"), ElementsAre(HasSubstr("vocab_size")));
  EXPECT_THAT(Problems(R"({"hidden_size": 100, "num_attention_heads": 3})"), ElementsAre(HasSubstr("does not divide")));
  EXPECT_THAT(Problems(R"({"model_type": "t5"})"), ElementsAre(HasSubstr("model_type: 't5'")));
}

}  // namespace
}  // namespace latentd::model
