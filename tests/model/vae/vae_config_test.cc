#include "model/vae/vae_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "model/errors.h"

namespace latentd::model {
namespace {

using testing::HasSubstr;

constexpr char kStableDiffusion[] = R"({
  "_class_name": "AutoencoderKL", "act_fn": "silu", "block_out_channels": [128, 256, 512, 512],
  "down_block_types": ["DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D", "DownEncoderBlock2D"],
  "in_channels": 3, "latent_channels": 4, "layers_per_block": 2, "norm_num_groups": 32, "out_channels": 3,
  "sample_size": 512,
  "up_block_types": ["UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D", "UpDecoderBlock2D"]})";

std::string ProblemsWith(const std::string& field, const nlohmann::json& value) {
  auto json = nlohmann::json::parse(kStableDiffusion);
  json[field] = value;
  try {
    ReadVaeConfig(ConfigReader("config.json", json));
  } catch (const ModelError& error) {
    return error.what();
  }
  return "";
}

TEST(VaeConfigTest, ReadsStableDiffusion) {
  const VaeConfig config = ReadVaeConfig(ConfigReader("config.json", nlohmann::json::parse(kStableDiffusion)));
  EXPECT_EQ(config.Scale(), 8);
  EXPECT_DOUBLE_EQ(config.scaling_factor, 0.18215);
  EXPECT_TRUE(config.quant_conv);
  EXPECT_TRUE(config.post_quant_conv);
  EXPECT_TRUE(config.mid_attention);
  EXPECT_TRUE(config.force_upcast);
}

TEST(VaeConfigTest, EveryUnsupportedValueIsNamed) {
  EXPECT_THAT(ProblemsWith("shift_factor", 0.1), HasSubstr("shift_factor:"));
  EXPECT_THAT(ProblemsWith("latents_mean", {0, 0, 0, 0}), HasSubstr("latents_mean:"));
  EXPECT_THAT(ProblemsWith("norm_num_groups", 48), HasSubstr("block_out_channels:"));
  EXPECT_THAT(ProblemsWith("down_block_types", {"DownEncoderBlock2D"}), HasSubstr("down_block_types:"));
  EXPECT_THAT(ProblemsWith("act_fn", "mish"), HasSubstr("act_fn:"));
  EXPECT_THAT(ProblemsWith("a_new_field", 1), HasSubstr("a_new_field:"));
  EXPECT_EQ(ProblemsWith("shift_factor", nullptr), "");
}

}  // namespace
}  // namespace latentd::model
