#include "model/unet/controlnet_config.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>
#include <string>

#include "model/errors.h"

namespace latentd::model {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;

// As lllyasviel/control_v11p_sd15_canny has it.
json Published() {
  return {{"_class_name", "ControlNetModel"},
          {"_diffusers_version", "0.16.0.dev0"},
          {"act_fn", "silu"},
          {"attention_head_dim", 8},
          {"block_out_channels", {320, 640, 1280, 1280}},
          {"class_embed_type", nullptr},
          {"conditioning_embedding_out_channels", {16, 32, 96, 256}},
          {"controlnet_conditioning_channel_order", "rgb"},
          {"cross_attention_dim", 768},
          {"down_block_types", {"CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"}},
          {"downsample_padding", 1},
          {"flip_sin_to_cos", true},
          {"freq_shift", 0},
          {"in_channels", 4},
          {"layers_per_block", 2},
          {"mid_block_scale_factor", 1},
          {"norm_eps", 1e-05},
          {"norm_num_groups", 32},
          {"num_class_embeds", nullptr},
          {"only_cross_attention", false},
          {"projection_class_embeddings_input_dim", nullptr},
          {"resnet_time_scale_shift", "default"},
          {"upcast_attention", false},
          {"use_linear_projection", false}};
}

std::string ProblemsOf(const json& config) {
  try {
    ReadControlNetConfig(ConfigReader("here", config));
    return "none";
  } catch (const ModelError& error) {
    return error.what();
  }
}

TEST(ControlNetConfig, APublishedOne) {
  const ControlNetConfig config = ReadControlNetConfig(ConfigReader("here", Published()));
  EXPECT_EQ(config.unet.levels.size(), 4U);
  EXPECT_EQ(config.unet.levels[3].heads, 8);
  EXPECT_FALSE(config.unet.levels[3].down_attention);
  EXPECT_THAT(config.hint_channels, ElementsAre(16, 32, 96, 256));
  EXPECT_EQ(config.PictureScale(), 8);
  EXPECT_FALSE(config.blue_first);
}

TEST(ControlNetConfig, AnyNumberOfLevels) {
  json config = Published();
  config["block_out_channels"] = {320, 640, 1280};
  config["down_block_types"] = {"DownBlock2D", "CrossAttnDownBlock2D", "CrossAttnDownBlock2D"};
  config["controlnet_conditioning_channel_order"] = "bgr";
  EXPECT_EQ(ReadControlNetConfig(ConfigReader("here", config)).unet.levels.size(), 3U);
  EXPECT_TRUE(ReadControlNetConfig(ConfigReader("here", config)).blue_first);
}

TEST(ControlNetConfig, WhatIsNotSupportedIsNamed) {
  json config = Published();
  config["conditioning_channels"] = 1;
  config["conditioning_embedding_out_channels"] = json::array();
  config["controlnet_conditioning_channel_order"] = "gbr";
  config["global_pool_conditions"] = true;
  config["num_class_embeds"] = 10;
  config["mid_block_type"] = "UNetMidBlock2D";
  config["unheard_of"] = 1;
  const std::string problems = ProblemsOf(config);
  for (const char* field :
       {"conditioning_channels", "conditioning_embedding_out_channels", "controlnet_conditioning_channel_order",
        "global_pool_conditions", "num_class_embeds", "mid_block_type", "unheard_of"}) {
    EXPECT_THAT(problems, HasSubstr(field));
  }
  config = Published();
  config["mid_block_type"] = nullptr;
  EXPECT_THAT(ProblemsOf(config), HasSubstr("mid_block_type"));
  config = Published();
  config["up_block_types"] = {"UpBlock2D"};
  EXPECT_THAT(ProblemsOf(config), HasSubstr("up_block_types: unknown field"));
}

}  // namespace
}  // namespace latentd::model
