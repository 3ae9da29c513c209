#include "model/vision/clip_vision_config.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "model/errors.h"

namespace latentd::model {
namespace {

ClipVisionConfig Read(const char* text) {
  return ReadClipVisionConfig(ConfigReader("config.json", nlohmann::json::parse(text)));
}

std::vector<std::string> Wrong(const char* text) {
  try {
    Read(text);
  } catch (const ModelError& error) {
    return error.problems();
  }
  return {};
}

TEST(ClipVisionConfigTest, HasTransformersDefaultsAndCountsTokens) {
  const ClipVisionConfig config = Read("{}");
  EXPECT_EQ(config.hidden_size, 768);
  EXPECT_EQ(config.Tokens(), 50);
  // As h94/IP-Adapter has it.
  const ClipVisionConfig huge = Read(
      R"({"architectures": ["CLIPVisionModelWithProjection"], "hidden_act": "gelu", "hidden_size": 1280, "image_size": 224,
               "intermediate_size": 5120, "layer_norm_eps": 1e-05, "model_type": "clip_vision_model", "num_attention_heads": 16,
               "num_channels": 3, "num_hidden_layers": 32, "patch_size": 14, "projection_dim": 1024,
               "_name_or_path": "./", "dropout": 0.0, "torch_dtype": "float16", "transformers_version": "4.28.0.dev0"})");
  EXPECT_EQ(huge.Tokens(), 257);
  EXPECT_EQ(huge.activation, Activation::kGelu);
}

TEST(ClipVisionConfigTest, NamesEveryFieldThatIsWrong) {
  EXPECT_EQ(
      Wrong(R"({"hidden_size": 10, "num_attention_heads": 3, "patch_size": 300, "num_channels": 4, "windows": 2})"),
      (std::vector<std::string>{"num_attention_heads: 3 does not divide hidden_size, 10",
                                "patch_size: must be at most image_size",
                                "num_channels: 4 is not supported (only 3 is)", "windows: unknown field"}));
  EXPECT_EQ(Wrong(R"({"image_size": 5000})").front(), "image_size: must be at most 4096");
  EXPECT_EQ(Wrong(R"({"model_type": "siglip_vision_model"})").size(), 1U);
}

}  // namespace
}  // namespace latentd::model
