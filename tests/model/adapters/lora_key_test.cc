#include "model/adapters/lora_key.h"

#include <gtest/gtest.h>

#include <string>

namespace latentd::model {
namespace {

struct Case {
  const char* name;
  const char* network;
  const char* layer;
  LoraPart part;
};

class DottedKey : public testing::TestWithParam<Case> {};

TEST_P(DottedKey, IsTakenApart) {
  const auto key = ParseLoraKey(GetParam().name);
  ASSERT_TRUE(key.has_value());
  EXPECT_EQ(key->naming, LoraNaming::kDotted);
  EXPECT_EQ(key->network, GetParam().network);
  EXPECT_EQ(key->layer, GetParam().layer);
  EXPECT_EQ(key->part, GetParam().part);
}

INSTANTIATE_TEST_SUITE_P(
    Styles, DottedKey,
    testing::Values(
        Case{"unet.mid_block.attentions.0.transformer_blocks.0.attn1.to_q.lora_A.weight", "unet",
             "mid_block.attentions.0.transformer_blocks.0.attn1.to_q", LoraPart::kDown},
        Case{"unet.conv_in.lora_B.default.weight", "unet", "conv_in", LoraPart::kUp},
        Case{"conv_in.lora_B.weight", "", "conv_in", LoraPart::kUp},
        Case{"unet.conv_in.alpha", "unet", "conv_in", LoraPart::kAlpha},
        Case{"unet.mid_block.resnets.0.conv1.lora.down.weight", "unet", "mid_block.resnets.0.conv1", LoraPart::kDown},
        Case{"unet.mid_block.resnets.0.conv1.lora.up.weight", "unet", "mid_block.resnets.0.conv1", LoraPart::kUp},
        Case{"text_encoder.text_model.encoder.layers.0.mlp.fc1.lora_linear_layer.up.weight", "text_encoder",
             "text_model.encoder.layers.0.mlp.fc1", LoraPart::kUp},
        Case{"text_encoder_2.encoder.layers.0.mlp.fc1.lora_A.weight", "text_encoder_2", "encoder.layers.0.mlp.fc1",
             LoraPart::kDown},
        Case{"unet.mid_block.attentions.0.transformer_blocks.0.attn2.processor.to_k_lora.down.weight", "unet",
             "mid_block.attentions.0.transformer_blocks.0.attn2.to_k", LoraPart::kDown},
        Case{"mid_block.attentions.0.transformer_blocks.0.attn2.processor.to_out_lora.up.weight", "",
             "mid_block.attentions.0.transformer_blocks.0.attn2.to_out.0", LoraPart::kUp}));

class FlattenedKey : public testing::TestWithParam<Case> {};

TEST_P(FlattenedKey, IsTakenApart) {
  const auto key = ParseLoraKey(GetParam().name);
  ASSERT_TRUE(key.has_value());
  EXPECT_EQ(key->naming, LoraNaming::kFlattened);
  EXPECT_EQ(key->network, GetParam().network);
  EXPECT_EQ(key->layer, GetParam().layer);
  EXPECT_EQ(key->part, GetParam().part);
}

INSTANTIATE_TEST_SUITE_P(Styles, FlattenedKey,
                         testing::Values(Case{"lora_unet_conv_in.lora_down.weight", "unet", "conv_in", LoraPart::kDown},
                                         Case{"lora_unet_input_blocks_1_1_proj_in.alpha", "unet",
                                              "input_blocks_1_1_proj_in", LoraPart::kAlpha},
                                         Case{"lora_te_text_model_encoder_layers_0_self_attn_q_proj.lora_up.weight",
                                              "text_encoder", "text_model_encoder_layers_0_self_attn_q_proj",
                                              LoraPart::kUp},
                                         Case{"lora_te1_text_model_encoder_layers_0_mlp_fc2.lora_up.weight",
                                              "text_encoder", "text_model_encoder_layers_0_mlp_fc2", LoraPart::kUp},
                                         Case{"lora_te2_text_model_encoder_layers_0_mlp_fc2.lora_up.weight",
                                              "text_encoder_2", "text_model_encoder_layers_0_mlp_fc2", LoraPart::kUp}));

TEST(LoraKeyTest, OtherNamesAreNoKeys) {
  for (const char* name : {"", "conv_in.weight", "unet.conv_in.lora_A", "lora_unet_conv_in.lora_A.weight",
                           "lora_unet_conv_in.bias", "alpha", "text_model.embeddings.position_ids"}) {
    EXPECT_FALSE(ParseLoraKey(name).has_value()) << name;
  }
}

TEST(LoraKeyTest, KindsThatAreNotComputedHaveNames) {
  EXPECT_STREQ(UnsupportedChange("lora_unet_conv_in.hada_w1_a"), "LoHa");
  EXPECT_STREQ(UnsupportedChange("unet.conv_in.lokr_w2"), "LoKr");
  EXPECT_STREQ(UnsupportedChange("lora_unet_conv_in.dora_scale"), "DoRA");
  EXPECT_STREQ(UnsupportedChange("unet.conv_in.lora_magnitude_vector.weight"), "DoRA");
  EXPECT_STREQ(UnsupportedChange("lora_unet_conv_in.oft_blocks"), "OFT");
  EXPECT_STREQ(UnsupportedChange("lora_unet_conv_in.a1.weight"), "GLoRA");
  EXPECT_NE(UnsupportedChange("lora_unet_conv_in.lora_mid.weight"), nullptr);
  EXPECT_NE(UnsupportedChange("unet.conv_in.lora_B.bias"), nullptr);
  EXPECT_EQ(UnsupportedChange("lora_unet_conv_in.lora_up.weight"), nullptr);
  EXPECT_EQ(UnsupportedChange("unet.conv_in.lora_B.weight"), nullptr);
}

}  // namespace
}  // namespace latentd::model
