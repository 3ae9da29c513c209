#include "model/unet/unet_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "model/errors.h"

namespace latentd::model {
namespace {

using testing::HasSubstr;

UNetConfig Read(const std::string& json) {
  return ReadUNetConfig(ConfigReader("config.json", nlohmann::json::parse(json)));
}

std::string ProblemsOf(const std::string& json) {
  try {
    Read(json);
  } catch (const ModelError& error) {
    return error.what();
  }
  return "";
}

TEST(UNetConfigTest, AbsentFieldsAreThoseOfStableDiffusion1) {
  const UNetConfig config = Read(R"({"cross_attention_dim": 768})");
  ASSERT_EQ(config.levels.size(), 4);
  EXPECT_EQ(config.levels[0].channels, 320);
  EXPECT_EQ(config.levels[3].channels, 1280);
  EXPECT_EQ(config.levels[0].context_features, 768);
  EXPECT_EQ(config.levels[0].heads, 8);
  EXPECT_TRUE(config.levels[0].down_attention);
  EXPECT_TRUE(config.levels[0].up_attention);
  EXPECT_FALSE(config.levels[3].down_attention);
  EXPECT_FALSE(config.levels[3].up_attention);
  EXPECT_EQ(config.time_features, 1280);
}

TEST(UNetConfigTest, AttentionHeadDimIsTheNumberOfHeadsOfEachLevel) {
  const UNetConfig config = Read(R"({"attention_head_dim": [5, 10, 20, 20], "use_linear_projection": true})");
  EXPECT_EQ(config.levels[1].heads, 10);
  EXPECT_EQ(config.levels[3].heads, 20);
  EXPECT_TRUE(config.linear_projection);
}

TEST(UNetConfigTest, NullMiddleBlockIsNotTheDefaultOne) {
  EXPECT_TRUE(Read("{}").has_mid_block);
  EXPECT_FALSE(Read(R"({"mid_block_type": null})").has_mid_block);
}

TEST(UNetConfigTest, FieldsWithoutEffectAreAccepted) {
  EXPECT_EQ(ProblemsOf(R"({"_class_name": "UNet2DConditionModel", "_diffusers_version": "0.6.0", "sample_size": 64,
                           "dropout": 0.1, "upcast_attention": true, "num_class_embeds": null})"),
            "");
}

TEST(UNetConfigTest, SampleSizeIsOneNumberOrHeightAndWidth) {
  EXPECT_EQ(Read("{}").sample_width, 64);
  EXPECT_EQ(Read(R"({"sample_size": 96})").sample_height, 96);
  EXPECT_EQ(Read(R"({"sample_size": [40, 72]})").sample_height, 40);
  EXPECT_EQ(Read(R"({"sample_size": [40, 72]})").sample_width, 72);
}

TEST(UNetConfigTest, SampleSizesOfOldFilesAreMarked) {
  EXPECT_TRUE(Read(R"({"sample_size": 32, "_diffusers_version": "0.6.0"})").old_sample_size);
  EXPECT_FALSE(Read(R"({"sample_size": [32, 32], "_diffusers_version": "0.6.0"})").old_sample_size);
  EXPECT_FALSE(Read(R"({"sample_size": 32, "_diffusers_version": "0.10.2"})").old_sample_size);
  EXPECT_FALSE(Read(R"({"sample_size": 32})").old_sample_size);
}

TEST(UNetConfigTest, ClassesAreATable) {
  EXPECT_EQ(Read("{}").classes, 0);
  EXPECT_EQ(Read(R"({"num_class_embeds": 1000})").classes, 1000);
}

TEST(UNetConfigTest, AModelOfLatentConsistencyEmbedsTheGuidanceScale) {
  EXPECT_EQ(Read("{}").guidance_features, 0);
  EXPECT_EQ(Read(R"({"time_cond_proj_dim": null})").guidance_features, 0);
  EXPECT_EQ(Read(R"({"time_cond_proj_dim": 256})").guidance_features, 256);
}

TEST(UNetConfigTest, ReadsGatedAttention) {
  EXPECT_FALSE(Read("{}").gated);
  EXPECT_FALSE(Read(R"({"attention_type": "default"})").gated);
  EXPECT_TRUE(Read(R"({"attention_type": "gated"})").gated);
  EXPECT_THAT(ProblemsOf(R"({"attention_type": "gated", "cross_attention_dim": [768, 768, 768, 1024]})"),
              HasSubstr("cross_attention_dim:"));
}

TEST(UNetConfigTest, EveryUnsupportedFieldIsNamed) {
  for (const std::string field : {R"("num_attention_heads": 8)",
                                  R"("class_embed_type": "timestep")",
                                  R"("addition_embed_type": "text")",
                                  R"("time_cond_proj_dim": 3)",
                                  R"("addition_time_embed_dim": 256)",
                                  R"("projection_class_embeddings_input_dim": 2816)",
                                  R"("dual_cross_attention": true)",
                                  R"("attention_type": "gated-text-image")",
                                  R"("encoder_hid_dim": 1024)",
                                  R"("resnet_skip_time_act": true)",
                                  R"("resnet_time_scale_shift": "scale_shift")",
                                  R"("mid_block_type": "UNetMidBlock2DSimpleCrossAttn")",
                                  R"("act_fn": "mish")",
                                  R"("num_class_embeds": 0)",
                                  R"("down_block_types": ["SimpleCrossAttnDownBlock2D"])",
                                  R"("transformer_layers_per_block": [1, [1, 2]])",
                                  R"("attention_head_dim": [5, 10])",
                                  R"("in_channels": 0)",
                                  R"("upcast_attention": 1)",
                                  R"("norm_num_groups": 7)",
                                  R"("downsample_padding": 2)",
                                  R"("a_new_field": 1)",
                                  R"("sample_size": 0)",
                                  R"("sample_size": ["64", "64"])",
                                  R"("sample_size": 8589934592)",
                                  R"("layers_per_block": 65536)",
                                  R"("norm_eps": 0)",
                                  R"("mid_block_scale_factor": 0)",
                                  R"("freq_shift": 160)",
                                  R"("block_out_channels": [32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32, 32])"}) {
    const std::string name = field.substr(1, field.find('"', 1) - 1);
    EXPECT_THAT(ProblemsOf("{" + field + "}"), HasSubstr(name + ":")) << field;
  }
}

TEST(UNetConfigTest, ReadsTheAddedFeaturesOfStableDiffusionXl) {
  const UNetConfig config = Read(R"({
    "addition_embed_type": "text_time", "addition_embed_type_num_heads": 64, "addition_time_embed_dim": 256,
    "projection_class_embeddings_input_dim": 2816, "block_out_channels": [320, 640, 1280],
    "attention_head_dim": [5, 10, 20], "transformer_layers_per_block": [1, 2, 10], "cross_attention_dim": 2048,
    "down_block_types": ["DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"],
    "up_block_types": ["CrossAttnUpBlock2D", "CrossAttnUpBlock2D", "UpBlock2D"], "upcast_attention": null})");
  EXPECT_EQ(config.added_features, 2816);
  EXPECT_EQ(config.added_number_features, 256);
  EXPECT_EQ(config.levels[2].transformer_layers, 10);
  EXPECT_EQ(Read("{}").added_features, 0);
}

TEST(UNetConfigTest, AddedFeaturesMustFit) {
  const auto problems = [](int features, int of_a_number) {
    return ProblemsOf(R"({"addition_embed_type": "text_time", "projection_class_embeddings_input_dim": )" +
                      std::to_string(features) + R"(, "addition_time_embed_dim": )" + std::to_string(of_a_number) +
                      "}");
  };
  EXPECT_EQ(problems(60, 8), "");
  EXPECT_THAT(problems(60, 60), HasSubstr("projection_class_embeddings_input_dim:"));
  EXPECT_THAT(problems(60, 0), HasSubstr("addition_time_embed_dim:"));
  EXPECT_THAT(problems(0, 8), HasSubstr("projection_class_embeddings_input_dim:"));
}

TEST(UNetConfigTest, AllProblemsAreReportedAtOnce) {
  const std::string problems = ProblemsOf(R"({"act_fn": "mish", "in_channels": "four", "unknown": 1})");
  EXPECT_THAT(problems, HasSubstr("act_fn:"));
  EXPECT_THAT(problems, HasSubstr("in_channels:"));
  EXPECT_THAT(problems, HasSubstr("unknown:"));
}

}  // namespace
}  // namespace latentd::model
