#include "model/unet/unet_2d_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "model/errors.h"
#include "model/unet/unet_2d.h"

namespace latentd::model {
namespace {

using nlohmann::literals::operator""_json;
using testing::HasSubstr;

// The files of google/ddpm-cifar10-32, google/ddpm-celebahq-256 (ddpm-ema-church-256 is alike) and
// CompVis/ldm-celebahq-256.
constexpr char kCifar[] = R"({
  "_class_name": "UNet2DModel", "_diffusers_version": "0.0.4", "act_fn": "silu", "attention_head_dim": null,
  "block_out_channels": [128, 256, 256, 256], "center_input_sample": false,
  "down_block_types": ["DownBlock2D", "AttnDownBlock2D", "DownBlock2D", "DownBlock2D"], "downsample_padding": 0,
  "flip_sin_to_cos": false, "freq_shift": 1, "in_channels": 3, "layers_per_block": 2, "mid_block_scale_factor": 1,
  "norm_eps": 1e-06, "norm_num_groups": 32, "out_channels": 3, "sample_size": 32, "time_embedding_type": "positional",
  "up_block_types": ["UpBlock2D", "UpBlock2D", "AttnUpBlock2D", "UpBlock2D"]})";
constexpr char kCelebA[] = R"({
  "_class_name": "UNet2DModel", "_diffusers_version": "0.0.4", "act_fn": "silu", "attention_head_dim": null,
  "block_out_channels": [128, 128, 256, 256, 512, 512], "center_input_sample": false,
  "down_block_types": ["DownBlock2D", "DownBlock2D", "DownBlock2D", "DownBlock2D", "AttnDownBlock2D", "DownBlock2D"],
  "downsample_padding": 0, "flip_sin_to_cos": false, "freq_shift": 1, "in_channels": 3, "layers_per_block": 2,
  "mid_block_scale_factor": 1, "norm_eps": 1e-06, "norm_num_groups": 32, "out_channels": 3, "sample_size": 256,
  "time_embedding_type": "positional",
  "up_block_types": ["UpBlock2D", "AttnUpBlock2D", "UpBlock2D", "UpBlock2D", "UpBlock2D", "UpBlock2D"]})";
constexpr char kLatent[] = R"({
  "_class_name": "UNet2DModel", "_diffusers_version": "0.0.4", "act_fn": "silu", "attention_head_dim": 32,
  "block_out_channels": [224, 448, 672, 896], "center_input_sample": false,
  "down_block_types": ["DownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D", "AttnDownBlock2D"],
  "downsample_padding": 1, "flip_sin_to_cos": true, "freq_shift": 0, "in_channels": 3, "layers_per_block": 2,
  "mid_block_scale_factor": 1, "norm_eps": 1e-05, "norm_num_groups": 32, "out_channels": 3, "sample_size": 64,
  "time_embedding_type": "positional",
  "up_block_types": ["AttnUpBlock2D", "AttnUpBlock2D", "AttnUpBlock2D", "UpBlock2D"]})";

UNet2DConfig Read(const nlohmann::json& json) { return ReadUNet2DConfig(ConfigReader("config.json", json)); }
UNet2DConfig Read(const std::string& json) { return Read(nlohmann::json::parse(json)); }

std::string ProblemsOf(const std::string& json) {
  try {
    Read(json);
  } catch (const ModelError& error) {
    return error.what();
  }
  return "";
}

int64_t ParameterCount(const char* json) {
  const UNet2DModel unet(Read(std::string(json)), at::TensorOptions().dtype(at::kFloat).device(at::kMeta));
  int64_t count = 0;
  for (const at::Tensor& parameter : unet->parameters()) count += parameter.numel();
  return count;
}

TEST(UNet2DConfigTest, KnownCheckpointsHaveAsManyParametersAsInTheReference) {
  EXPECT_EQ(ParameterCount(kCifar), 35746307);
  EXPECT_EQ(ParameterCount(kCelebA), 113673219);
  EXPECT_EQ(ParameterCount(kLatent), 274056163);
}

TEST(UNet2DConfigTest, LevelsAreListedFromTheFinestUpBlocksFromTheCoarsest) {
  const UNet2DConfig config = Read(std::string(kCelebA));
  ASSERT_EQ(config.levels.size(), 6);
  EXPECT_EQ(config.levels[4].channels, 512);
  for (size_t i = 0; i < 6; ++i) {
    EXPECT_EQ(config.levels[i].down_attention, i == 4) << i;
    EXPECT_EQ(config.levels[i].up_attention, i == 4) << i;
  }
  EXPECT_EQ(config.SizeUnit(), 32);
  EXPECT_EQ(config.time_features, 512);
  EXPECT_EQ(config.sample_width, 256);
}

TEST(UNet2DConfigTest, AbsentFieldsHaveTheDefaultsOfTheClass) {
  const UNet2DConfig config = Read(std::string("{}"));
  ASSERT_EQ(config.levels.size(), 4);
  EXPECT_EQ(config.levels[0].channels, 224);
  EXPECT_FALSE(config.levels[0].down_attention);
  EXPECT_TRUE(config.levels[3].up_attention);
  EXPECT_EQ(config.head_features, 8);
  EXPECT_EQ(config.mid_attention_groups, 32);
  EXPECT_EQ(config.downsample_padding, 1);
  EXPECT_EQ(config.sample_height, 0);
  EXPECT_EQ(config.class_embedding, ClassEmbedding::kNone);
}

TEST(UNet2DConfigTest, NullHeadsAreOneHead) { EXPECT_EQ(Read(std::string(kCifar)).head_features, 0); }

TEST(UNet2DConfigTest, ScaleAndShiftDropsTheMiddleNormUnlessItsGroupsAreGiven) {
  EXPECT_EQ(Read(R"({"resnet_time_scale_shift": "scale_shift"})"_json).mid_attention_groups, 0);
  EXPECT_EQ(Read(R"({"resnet_time_scale_shift": "scale_shift", "attn_norm_num_groups": 16})"_json).mid_attention_groups,
            16);
}

TEST(UNet2DConfigTest, ClassesComeFromATableUnlessATypeIsGiven) {
  EXPECT_EQ(Read(R"({"num_class_embeds": 1000})"_json).class_embedding, ClassEmbedding::kTable);
  EXPECT_EQ(Read(R"({"num_class_embeds": 1000})"_json).classes, 1000);
  EXPECT_EQ(Read(R"({"num_class_embeds": 5, "class_embed_type": "timestep"})"_json).class_embedding,
            ClassEmbedding::kTimestep);
  EXPECT_EQ(Read(R"({"num_class_embeds": null, "class_embed_type": "identity"})"_json).class_embedding,
            ClassEmbedding::kIdentity);
}

TEST(UNet2DConfigTest, ResidualBlocksResampleWhereTheirTypeSaysSo) {
  const UNet2DConfig config = Read(R"({"block_out_channels": [32, 32, 32], "downsample_type": "resnet",
      "down_block_types": ["ResnetDownsampleBlock2D", "DownBlock2D", "AttnDownBlock2D"],
      "up_block_types": ["AttnUpBlock2D", "UpBlock2D", "ResnetUpsampleBlock2D"]})"_json);
  EXPECT_TRUE(config.levels[0].down_by_resnet);
  EXPECT_FALSE(config.levels[1].down_by_resnet);
  EXPECT_TRUE(config.levels[2].down_by_resnet);
  EXPECT_TRUE(config.levels[0].up_by_resnet);
  EXPECT_FALSE(config.levels[2].up_by_resnet);
}

TEST(UNet2DConfigTest, FieldsWithoutEffectAreAccepted) {
  EXPECT_EQ(ProblemsOf(R"({"_class_name": "UNet2DModel", "dropout": 0.1, "num_train_timesteps": 1000,
                           "sample_size": null, "class_embed_type": null, "time_embedding_dim": null})"),
            "");
}

TEST(UNet2DConfigTest, EveryUnsupportedFieldIsNamed) {
  for (const std::string field :
       {R"("time_embedding_type": "learned")",
        R"("down_block_types": ["SkipDownBlock2D", "DownBlock2D", "DownBlock2D", "DownBlock2D"])",
        R"("up_block_types": ["UpBlock2D"])",
        R"("mid_block_type": "UNetMidBlock2DCrossAttn")",
        R"("resnet_time_scale_shift": "ada_group")",
        R"("downsample_type": "fir")",
        R"("upsample_type": "fir")",
        R"("class_embed_type": "projection")",
        R"("num_class_embeds": 0)",
        R"("act_fn": "mish")",
        R"("attention_head_dim": 500)",
        R"("attention_head_dim": [8, 8, 8, 8])",
        R"("attn_norm_num_groups": 15)",
        R"("block_out_channels": [224, 448, 672, 895])",
        R"("block_out_channels": [])",
        R"("layers_per_block": 65)",
        R"("downsample_padding": 2)",
        R"("mid_block_scale_factor": 0)",
        R"("norm_eps": 0)",
        R"("freq_shift": 112)",
        R"("sample_size": [64])",
        R"("in_channels": 0)",
        R"("cross_attention_dim": 768)"}) {
    const std::string name = field.substr(1, field.find('"', 1) - 1);
    EXPECT_THAT(ProblemsOf("{" + field + "}"), HasSubstr(name + ":")) << field;
  }
}

}  // namespace
}  // namespace latentd::model
