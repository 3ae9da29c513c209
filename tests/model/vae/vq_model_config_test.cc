#include "model/vae/vq_model_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "model/errors.h"
#include "model/vae/vq_model.h"

namespace latentd::model {
namespace {

using testing::HasSubstr;

// The first stage of CompVis/ldm-celebahq-256.
constexpr char kLatentDiffusion[] = R"({
  "_class_name": "VQModel", "_diffusers_version": "0.1.2", "act_fn": "silu", "block_out_channels": [128, 256, 512],
  "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D"], "in_channels": 3,
  "latent_channels": 3, "layers_per_block": 2, "num_vq_embeddings": 8192, "out_channels": 3, "sample_size": 256,
  "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"], "vq_embed_dim": 3})";

VQModelConfig ReadWith(const std::string& field, const nlohmann::json& value) {
  auto json = nlohmann::json::parse(kLatentDiffusion);
  json[field] = value;
  return ReadVQModelConfig(ConfigReader("config.json", json));
}

std::string ProblemsWith(const std::string& field, const nlohmann::json& value) {
  try {
    ReadWith(field, value);
  } catch (const ModelError& error) {
    return error.what();
  }
  return "";
}

TEST(VQModelConfigTest, ReadsLatentDiffusionsFirstStage) {
  const VQModelConfig config = ReadWith("_diffusers_version", "0.1.2");
  EXPECT_EQ(config.Scale(), 4);
  EXPECT_EQ(config.codes, 8192);
  EXPECT_EQ(config.code_features, 3);
  EXPECT_DOUBLE_EQ(config.scaling_factor, 0.18215);
  EXPECT_FALSE(config.lookup_from_codebook);
  EXPECT_FALSE(config.force_upcast);
}

TEST(VQModelConfigTest, LatentDiffusionsFirstStageHasAsManyParametersAsInTheReference) {
  const VQModel model(ReadWith("sample_size", 256), at::TensorOptions().dtype(at::kFloat).device(at::kMeta));
  int64_t count = 0;
  for (const at::Tensor& parameter : model->parameters()) count += parameter.numel();
  EXPECT_EQ(count, 55322782);
}

TEST(VQModelConfigTest, AbsentFieldsHaveTheDefaultsOfTheClass) {
  const VQModelConfig config = ReadVQModelConfig(ConfigReader("config.json", nlohmann::json::object()));
  EXPECT_EQ(config.latent_channels, 3);
  EXPECT_EQ(config.code_features, 3);
  EXPECT_EQ(config.codes, 256);
  EXPECT_EQ(config.Scale(), 1);
  EXPECT_TRUE(config.mid_attention);
}

TEST(VQModelConfigTest, CodesAreAsWideAsLatentsUnlessTheFileSaysOtherwise) {
  EXPECT_EQ(ReadWith("vq_embed_dim", nullptr).code_features, 3);
  EXPECT_EQ(ReadWith("vq_embed_dim", 5).code_features, 5);
}

TEST(VQModelConfigTest, UpBlocksAreListedFromTheCoarsestLevel) {
  const VQModelConfig config =
      ReadWith("up_block_types", {"AttnUpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"});
  EXPECT_TRUE(config.up_attention[2]);
  EXPECT_FALSE(config.up_attention[0]);
}

TEST(VQModelConfigTest, EveryUnsupportedValueIsNamed) {
  EXPECT_THAT(ProblemsWith("norm_type", "spatial"), HasSubstr("norm_type:"));
  EXPECT_THAT(ProblemsWith("num_vq_embeddings", 0), HasSubstr("num_vq_embeddings:"));
  EXPECT_THAT(ProblemsWith("vq_embed_dim", -1), HasSubstr("vq_embed_dim:"));
  EXPECT_THAT(ProblemsWith("lookup_from_codebook", 1), HasSubstr("lookup_from_codebook:"));
  EXPECT_THAT(ProblemsWith("down_block_types", {"SkipDownBlock2D"}), HasSubstr("down_block_types:"));
  EXPECT_THAT(ProblemsWith("up_block_types", {"UpDecoderBlock2D"}), HasSubstr("up_block_types:"));
  EXPECT_THAT(ProblemsWith("norm_num_groups", 48), HasSubstr("block_out_channels:"));
  EXPECT_THAT(ProblemsWith("scaling_factor", 0), HasSubstr("scaling_factor:"));
  EXPECT_THAT(ProblemsWith("use_quant_conv", true), HasSubstr("use_quant_conv:"));
}

}  // namespace
}  // namespace latentd::model
