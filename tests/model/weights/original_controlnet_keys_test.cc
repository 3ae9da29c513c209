#include "model/weights/key_maps/original_controlnet_keys.h"

#include <gtest/gtest.h>

#include <map>
#include <string>

namespace latentd::model {
namespace {

TEST(OriginalControlNetKeys, BecomeThoseOfDiffusers) {
  const std::map<std::string, std::string> expected = {
      {"input_hint_block.0.weight", "controlnet_cond_embedding.conv_in.weight"},
      {"input_hint_block.2.bias", "controlnet_cond_embedding.blocks.0.bias"},
      {"input_hint_block.12.weight", "controlnet_cond_embedding.blocks.5.weight"},
      {"input_hint_block.14.weight", "controlnet_cond_embedding.conv_out.weight"},
      {"zero_convs.0.0.weight", "controlnet_down_blocks.0.weight"},
      {"zero_convs.11.0.bias", "controlnet_down_blocks.11.bias"},
      {"middle_block_out.0.weight", "controlnet_mid_block.weight"},
      {"middle_block.1.proj_in.weight", "mid_block.attentions.0.proj_in.weight"},
      {"middle_block.2.in_layers.2.weight", "mid_block.resnets.1.conv1.weight"},
      {"input_blocks.0.0.weight", "conv_in.weight"},
      {"input_blocks.3.0.op.weight", "down_blocks.0.downsamplers.0.conv.weight"},
      {"input_blocks.4.1.norm.weight", "down_blocks.1.attentions.0.norm.weight"},
      {"time_embed.2.bias", "time_embedding.linear_2.bias"},
      {"label_emb.0.0.weight", "add_embedding.linear_1.weight"},
      {"zero_convs.0.weight", "zero_convs.0.weight"},
      {"input_hint_block.3.weight", "input_hint_block.3.weight"},
      {"middle_block_out.1.weight", "middle_block_out.1.weight"}};
  std::map<std::string, TensorInfo> tensors;
  for (const auto& [original, ours] : expected) tensors[original] = {.dtype = at::kHalf, .shape = {3, 2, 1, 1}};
  const OriginalControlNetKeys keys(tensors);
  for (const auto& [original, ours] : expected) EXPECT_EQ(keys(original, tensors.at(original)).name, ours);
}

TEST(OriginalControlNetKeys, AreToldByTheirNames) {
  const auto of = [](const std::string& name) {
    return std::map<std::string, TensorInfo>{{name, {.dtype = at::kHalf, .shape = {1}}}};
  };
  EXPECT_TRUE(IsOriginalControlNet(of("control_model.zero_convs.0.0.weight")));
  EXPECT_TRUE(IsOriginalControlNet(of("zero_convs.0.0.weight")));
  EXPECT_FALSE(IsOriginalControlNet(of("controlnet_down_blocks.0.weight")));
  EXPECT_EQ(OriginalControlNetPrefix(of("control_model.zero_convs.0.0.weight")), "control_model.");
  EXPECT_EQ(OriginalControlNetPrefix(of("zero_convs.0.0.weight")), "");
}

}  // namespace
}  // namespace latentd::model
