#include "model/adapters/original_names.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace latentd::model {
namespace {

// The layers of a U-Net that matter for the numbering: `attends` says which levels do, from the finest to the coarsest.
std::vector<std::string> Layers(int layers_per_block, const std::vector<bool>& attends) {
  std::vector<std::string> names = {"conv_in", "conv_out", "time_embedding.linear_1", "add_embedding.linear_2"};
  const size_t levels = attends.size();
  const auto add = [&](const std::string& block, int count, bool attention) {
    for (int i = 0; i < count; ++i) {
      const std::string index = std::to_string(i);
      for (const char* layer : {".conv1", ".time_emb_proj", ".conv2", ".conv_shortcut"}) {
        names.push_back(block + ".resnets." + index + layer);
      }
      if (attention) names.push_back(block + ".attentions." + index + ".transformer_blocks.0.attn1.to_out.0");
    }
  };
  for (size_t i = 0; i < levels; ++i) {
    add("down_blocks." + std::to_string(i), layers_per_block, attends[i]);
    if (i + 1 < levels) names.push_back("down_blocks." + std::to_string(i) + ".downsamplers.0.conv");
    add("up_blocks." + std::to_string(i), layers_per_block + 1, attends[levels - 1 - i]);
    if (i + 1 < levels) names.push_back("up_blocks." + std::to_string(i) + ".upsamplers.0.conv");
  }
  add("mid_block", 2, false);
  names.push_back("mid_block.attentions.0.proj_in");
  return names;
}

// The expected names are those of the files that Stability AI published: sd_xl_base_1.0 and v1-5-pruned-emaonly.
TEST(OriginalNamesTest, StableDiffusionXl) {
  auto names = OriginalUNetNames(Layers(2, {false, true, true}));
  EXPECT_EQ(names["conv_in"], "input_blocks.0.0");
  EXPECT_EQ(names["conv_out"], "out.2");
  EXPECT_EQ(names["time_embedding.linear_1"], "time_embed.0");
  EXPECT_EQ(names["add_embedding.linear_2"], "label_emb.0.2");
  EXPECT_EQ(names["down_blocks.0.resnets.0.conv1"], "input_blocks.1.0.in_layers.2");
  EXPECT_EQ(names["down_blocks.0.downsamplers.0.conv"], "input_blocks.3.0.op");
  EXPECT_EQ(names["down_blocks.1.attentions.1.transformer_blocks.0.attn1.to_out.0"],
            "input_blocks.5.1.transformer_blocks.0.attn1.to_out.0");
  EXPECT_EQ(names["down_blocks.2.resnets.1.time_emb_proj"], "input_blocks.8.0.emb_layers.1");
  EXPECT_EQ(names["mid_block.resnets.1.conv2"], "middle_block.2.out_layers.3");
  EXPECT_EQ(names["mid_block.attentions.0.proj_in"], "middle_block.1.proj_in");
  EXPECT_EQ(names["up_blocks.0.upsamplers.0.conv"], "output_blocks.2.2.conv");
  EXPECT_EQ(names["up_blocks.1.resnets.2.conv_shortcut"], "output_blocks.5.0.skip_connection");
  EXPECT_EQ(names["up_blocks.2.resnets.2.conv1"], "output_blocks.8.0.in_layers.2");
}

TEST(OriginalNamesTest, StableDiffusion1HasEnlargementsWithoutAttention) {
  auto names = OriginalUNetNames(Layers(2, {true, true, true, false}));
  EXPECT_EQ(names["down_blocks.2.downsamplers.0.conv"], "input_blocks.9.0.op");
  EXPECT_EQ(names["down_blocks.3.resnets.1.conv1"], "input_blocks.11.0.in_layers.2");
  EXPECT_EQ(names["up_blocks.0.upsamplers.0.conv"], "output_blocks.2.1.conv");
  EXPECT_EQ(names["up_blocks.1.upsamplers.0.conv"], "output_blocks.5.2.conv");
  EXPECT_EQ(names["up_blocks.3.attentions.2.transformer_blocks.0.attn1.to_out.0"],
            "output_blocks.11.1.transformer_blocks.0.attn1.to_out.0");
}

}  // namespace
}  // namespace latentd::model
