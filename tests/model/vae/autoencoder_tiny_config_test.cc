#include "model/vae/autoencoder_tiny_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "model/errors.h"
#include "model/vae/autoencoder_tiny.h"

namespace latentd::model {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// madebyollin/taesd.
constexpr char kTaesd[] = R"({
  "_class_name": "AutoencoderTiny", "_diffusers_version": "0.20.0.dev0", "act_fn": "relu",
  "block_out_channels": [64, 64, 64, 64], "decoder_block_out_channels": [64, 64, 64, 64],
  "encoder_block_out_channels": [64, 64, 64, 64], "force_upcast": false, "in_channels": 3, "latent_channels": 4,
  "latent_magnitude": 3, "latent_shift": 0.5, "num_decoder_blocks": [3, 3, 3, 1], "num_encoder_blocks": [1, 3, 3, 3],
  "out_channels": 3, "scaling_factor": 1.0, "upsampling_scaling_factor": 2})";

AutoencoderTinyConfig ReadWith(const std::string& field, const nlohmann::json& value) {
  auto json = nlohmann::json::parse(kTaesd);
  json[field] = value;
  return ReadAutoencoderTinyConfig(ConfigReader("config.json", json));
}

std::string ProblemsWith(const std::string& field, const nlohmann::json& value) {
  try {
    ReadWith(field, value);
  } catch (const ModelError& error) {
    return error.what();
  }
  return "";
}

TEST(AutoencoderTinyConfigTest, ReadsTaesd) {
  const AutoencoderTinyConfig config = ReadWith("in_channels", 3);
  EXPECT_EQ(config.EncoderScale(), 8);
  EXPECT_EQ(config.DecoderScale(), 8);
  EXPECT_THAT(config.encoder_blocks, ElementsAre(1, 3, 3, 3));
  EXPECT_EQ(config.activation, Activation::kRelu);
  EXPECT_EQ(config.latent_magnitude, 3);
  EXPECT_EQ(config.scaling_factor, 1);
}

TEST(AutoencoderTinyConfigTest, TaesdHasAsManyParametersAsInTheReference) {
  const AutoencoderTiny model(ReadWith("in_channels", 3), at::TensorOptions().dtype(at::kFloat).device(at::kMeta));
  int64_t count = 0;
  for (const at::Tensor& parameter : model->parameters()) count += parameter.numel();
  EXPECT_EQ(count, 2445063);
}

TEST(AutoencoderTinyConfigTest, AbsentFieldsHaveTheDefaultsOfTheClass) {
  const AutoencoderTinyConfig config = ReadAutoencoderTinyConfig(ConfigReader("config.json", nlohmann::json::object()));
  EXPECT_EQ(config.decoder_channels, 64);
  EXPECT_THAT(config.decoder_blocks, ElementsAre(3, 3, 3, 1));
  EXPECT_EQ(config.activation, Activation::kRelu);
}

TEST(AutoencoderTinyConfigTest, TheScaleOfTheDecoderFollowsItsFactor) {
  EXPECT_EQ(ReadWith("upsampling_scaling_factor", 3).DecoderScale(), 27);
  EXPECT_EQ(ReadWith("upsampling_scaling_factor", 3).EncoderScale(), 8);
}

TEST(AutoencoderTinyConfigTest, EveryUnsupportedValueIsNamed) {
  EXPECT_THAT(ProblemsWith("encoder_block_out_channels", {64, 64, 64, 32}), HasSubstr("encoder_block_out_channels:"));
  EXPECT_THAT(ProblemsWith("decoder_block_out_channels", {64, 64, 64}), HasSubstr("decoder_block_out_channels:"));
  EXPECT_THAT(ProblemsWith("num_decoder_blocks", {1, 1, 1, -1}), HasSubstr("num_decoder_blocks:"));
  EXPECT_THAT(ProblemsWith("num_encoder_blocks", nlohmann::json::array()), HasSubstr("num_encoder_blocks:"));
  EXPECT_THAT(ProblemsWith("upsample_fn", "bilinear"), HasSubstr("upsample_fn:"));
  EXPECT_THAT(ProblemsWith("upsampling_scaling_factor", 9), HasSubstr("upsampling_scaling_factor:"));
  EXPECT_THAT(ProblemsWith("act_fn", "mish"), HasSubstr("act_fn:"));
  EXPECT_THAT(ProblemsWith("latent_magnitude", 0), HasSubstr("latent_magnitude:"));
  EXPECT_THAT(ProblemsWith("scaling_factor", -1), HasSubstr("scaling_factor:"));
  EXPECT_THAT(ProblemsWith("shift_factor", 0.1), HasSubstr("shift_factor:"));
  EXPECT_THAT(ProblemsWith("a_new_field", 1), HasSubstr("a_new_field:"));
  EXPECT_EQ(ProblemsWith("shift_factor", 0), "");
  EXPECT_EQ(ProblemsWith("upsample_fn", "nearest"), "");
}

}  // namespace
}  // namespace latentd::model
