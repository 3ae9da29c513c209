#include "model/weights/recognise.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <utility>
#include <vector>

namespace latentd::model {
namespace {

struct Tensor {
  std::string name;
  std::vector<int64_t> shape;
};

FileIdentity Recognised(const std::vector<Tensor>& list) {
  std::map<std::string, TensorInfo> tensors;
  for (const Tensor& tensor : list) tensors[tensor.name] = {.dtype = at::kHalf, .shape = tensor.shape};
  return Recognise(tensors);
}

// Names and shapes as the well-known files have them; of each kind of tensor one.
const std::string kUNet = "model.diffusion_model.";

TEST(RecogniseTest, CheckpointsByTheirTextEncoders) {
  const Tensor conv_in{kUNet + "input_blocks.0.0.weight", {320, 4, 3, 3}};
  const Tensor vae{"first_stage_model.encoder.conv_in.weight", {128, 3, 3, 3}};
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"cond_stage_model.transformer.text_model.embeddings.token_embedding.weight", "stable-diffusion-1"},
      {"cond_stage_model.transformer.embeddings.token_embedding.weight", "stable-diffusion-1"},
      {"cond_stage_model.model.token_embedding.weight", "stable-diffusion-2"},
      {"conditioner.embedders.1.model.token_embedding.weight", "stable-diffusion-xl"},
      {"conditioner.embedders.0.model.token_embedding.weight", "stable-diffusion-xl-refiner"}};
  for (const auto& [key, system] : cases) {
    // Of any width: small models are told by the same names.
    for (const int64_t width : {768, 8}) {
      const FileIdentity file = Recognised({conv_in, vae, {key, {49408, width}}});
      EXPECT_EQ(file.kind, FileKind::kCheckpoint);
      EXPECT_EQ(file.architecture, system);
      EXPECT_EQ(file.description, "a checkpoint of " + system);
    }
  }
  // Both encoders of SDXL begin with that of Stable Diffusion 1.
  EXPECT_EQ(
      Recognised({conv_in,
                  {"conditioner.embedders.0.transformer.text_model.embeddings.token_embedding.weight", {49408, 768}},
                  {"conditioner.embedders.1.model.token_embedding.weight", {49408, 1280}}})
          .architecture,
      "stable-diffusion-xl");
}

TEST(RecogniseTest, CheckpointsWithoutATextEncoderByTheTextTheyTake) {
  for (const auto& [width, system] : std::vector<std::pair<int64_t, std::string>>{{768, "stable-diffusion-1"},
                                                                                  {1024, "stable-diffusion-2"},
                                                                                  {2048, "stable-diffusion-xl"},
                                                                                  {1280, "stable-diffusion-xl-refiner"},
                                                                                  {8, ""}}) {
    const FileIdentity file =
        Recognised({{kUNet + "input_blocks.0.0.weight", {320, 4, 3, 3}},
                    {kUNet + "input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight", {640, width}}});
    EXPECT_EQ(file.kind, FileKind::kCheckpoint);
    EXPECT_EQ(file.architecture, system);
  }
}

TEST(RecogniseTest, ACheckpointWithAnotherTextEncoderIsOfNoKnownSystem) {
  const FileIdentity file =
      Recognised({{kUNet + "input_blocks.0.0.weight", {320, 4, 3, 3}},
                  {kUNet + "input_blocks.4.1.transformer_blocks.0.attn2.to_k.weight", {640, 1280}},
                  {"cond_stage_model.transformer.token_emb.weight", {30522, 1280}}});
  EXPECT_EQ(file.kind, FileKind::kCheckpoint);
  EXPECT_EQ(file.architecture, "");
  EXPECT_EQ(file.description, "a checkpoint of a system that is not known");
}

TEST(RecogniseTest, VaesAlone) {
  for (const std::string prefix : {"", "first_stage_model.", "vae."}) {
    const FileIdentity file = Recognised({{prefix + "encoder.conv_in.weight", {128, 3, 3, 3}},
                                          {prefix + "encoder.mid.attn_1.q.weight", {512, 512, 1, 1}},
                                          {prefix + "decoder.conv_in.weight", {512, 4, 3, 3}},
                                          {prefix + "quant_conv.weight", {8, 8, 1, 1}}});
    EXPECT_EQ(file.kind, FileKind::kVae);
    EXPECT_EQ(file.description, "a VAE alone");
  }
  // A text encoder in transformers' newer names begins with "encoder.", too.
  EXPECT_EQ(Recognised({{"encoder.layers.0.mlp.fc1.weight", {3072, 768}}, {"final_layer_norm.bias", {768}}}).kind,
            FileKind::kUnknown);
}

TEST(RecogniseTest, LorasInAllStyles) {
  const std::string kohya = "lora_unet_down_blocks_0_attentions_0_transformer_blocks_0_attn2_to_k.";
  const std::string diffusers = "unet.down_blocks.0.attentions.0.transformer_blocks.0.attn2.";
  for (const auto& [down, up] : std::vector<std::pair<std::string, std::string>>{
           {kohya + "lora_down.weight", kohya + "lora_up.weight"},
           {kohya + "hada_w1_b", kohya + "hada_w1_a"},
           {diffusers + "to_k.lora_A.weight", diffusers + "to_k.lora_B.weight"},
           {diffusers + "to_k.lora.down.weight", diffusers + "to_k.lora.up.weight"},
           {diffusers + "processor.to_k_lora.down.weight", diffusers + "processor.to_k_lora.up.weight"},
           {"base_model.model." + diffusers + "to_k.lora_A.weight",
            "base_model.model." + diffusers + "to_k.lora_B.weight"}}) {
    const FileIdentity file = Recognised({{down, {16, 768}}, {up, {320, 16}}});
    EXPECT_EQ(file.kind, FileKind::kLora) << down;
    EXPECT_EQ(file.description, "a LoRA for stable-diffusion-1") << down;
    EXPECT_EQ(Recognised({{down, {16, 1024}}, {up, {320, 16}}}).architecture, "stable-diffusion-2") << down;
    EXPECT_EQ(Recognised({{down, {16, 2048}}, {up, {320, 16}}}).architecture, "stable-diffusion-xl") << down;
    EXPECT_EQ(Recognised({{down, {16, 8}}, {up, {320, 16}}}).architecture, "") << down;
  }
}

TEST(RecogniseTest, LorasThatDoNotTellTheirSystemByWidth) {
  EXPECT_EQ(Recognised({{"lora_unet_mid_block_resnets_0_conv1.lokr_w1", {4, 4}},
                        {"lora_unet_mid_block_resnets_0_conv1.lokr_w2", {8, 8, 3, 3}},
                        {"lora_unet_mid_block_resnets_0_conv1.alpha", {}}})
                .description,
            "a LoRA");
  EXPECT_EQ(Recognised({{"lora_te_text_model_encoder_layers_0_mlp_fc1.lora_down.weight", {4, 768}}}).description,
            "a LoRA");
  EXPECT_EQ(Recognised({{"lora_te2_text_model_encoder_layers_0_mlp_fc1.lora_down.weight", {4, 1280}}}).architecture,
            "stable-diffusion-xl");
  EXPECT_EQ(
      Recognised({{"text_encoder.text_model.encoder.layers.0.mlp.fc1.lora_linear_layer.down.weight", {4, 768}}}).kind,
      FileKind::kLora);
}

TEST(RecogniseTest, ControlNets) {
  const std::string attention = "transformer_blocks.0.attn2.to_k.weight";
  const FileIdentity diffusers = Recognised({{"controlnet_cond_embedding.conv_in.weight", {16, 3, 3, 3}},
                                             {"controlnet_down_blocks.0.weight", {320, 320, 1, 1}},
                                             {"down_blocks.0.attentions.0." + attention, {320, 768}}});
  EXPECT_EQ(diffusers.kind, FileKind::kControlNet);
  EXPECT_EQ(diffusers.description, "a ControlNet for stable-diffusion-1");
  const FileIdentity original = Recognised({{"control_model.input_hint_block.0.weight", {16, 3, 3, 3}},
                                            {"control_model.zero_convs.0.0.weight", {320, 320, 1, 1}},
                                            {"control_model.input_blocks.1.1." + attention, {320, 1024}}});
  EXPECT_EQ(original.description, "a ControlNet for stable-diffusion-2");
  EXPECT_EQ(Recognised({{"controlnet_cond_embedding.conv_in.weight", {16, 3, 3, 3}},
                        {"add_embedding.linear_1.weight", {1280, 2816}}})
                .architecture,
            "stable-diffusion-xl");
  // As the first ControlNets were published: with the whole model.
  EXPECT_EQ(Recognised({{"control_model.input_hint_block.0.weight", {16, 3, 3, 3}},
                        {"control_model.input_blocks.1.1." + attention, {320, 768}},
                        {"model.diffusion_model.input_blocks.0.0.weight", {320, 4, 3, 3}},
                        {"cond_stage_model.transformer.text_model.embeddings.token_embedding.weight", {49408, 768}}})
                .description,
            "a ControlNet for stable-diffusion-1");
}

TEST(RecogniseTest, MotionModulesAndTheirLoras) {
  const auto module = [](int64_t features) {
    return Recognised(
        {{"up_blocks.2.motion_modules.0.temporal_transformer.proj_in.weight", {features, features}},
         {"down_blocks.0.motion_modules.0.temporal_transformer.transformer_blocks.0.attention_blocks.0.pos_encoder.pe",
          {1, 32, 320}}});
  };
  EXPECT_EQ(module(640).kind, FileKind::kMotionModule);
  EXPECT_EQ(module(640).description, "a motion module for stable-diffusion-1");
  EXPECT_EQ(module(320).architecture, "stable-diffusion-xl");
  EXPECT_EQ(module(32).architecture, "");
  const std::string block =
      "down_blocks.0.motion_modules.0.temporal_transformer.transformer_blocks.0.attention_blocks.0.";
  EXPECT_EQ(Recognised({{block + "processor.to_q_lora.down.weight", {64, 320}}}).kind, FileKind::kMotionLora);
  EXPECT_EQ(
      Recognised({{"unet.down_blocks.0.motion_modules.0.transformer_blocks.0.attn1.to_q.lora_A.weight", {64, 320}}})
          .description,
      "a LoRA of a motion module");
}

TEST(RecogniseTest, IpAdapters) {
  const FileIdentity file =
      Recognised({{"image_proj.proj.weight", {3072, 1024}}, {"ip_adapter.1.to_k_ip.weight", {320, 768}}});
  EXPECT_EQ(file.kind, FileKind::kIpAdapter);
  EXPECT_EQ(file.description, "an IP-Adapter for stable-diffusion-1");
  // Those for faces hold low-rank products.
  EXPECT_EQ(Recognised({{"image_proj.proj.0.weight", {1024, 512}},
                        {"ip_adapter.0.to_q_lora.down.weight", {128, 320}},
                        {"ip_adapter.1.to_k_ip.weight", {320, 2048}}})
                .description,
            "an IP-Adapter for stable-diffusion-xl");
}

TEST(RecogniseTest, Embeddings) {
  EXPECT_EQ(Recognised({{"<gta5-artwork>", {768}}}).description, "an embedding for stable-diffusion-1");
  EXPECT_EQ(Recognised({{"emb_params", {8, 1024}}}).description, "an embedding for stable-diffusion-2");
  EXPECT_EQ(Recognised({{"emb_params", {8, 16}}}).description, "an embedding");
  EXPECT_EQ(Recognised({{"clip_l", {8, 768}}, {"clip_g", {8, 1280}}}).architecture, "stable-diffusion-xl");
  EXPECT_EQ(Recognised({{"clip_l", {8, 768}}, {"other", {8, 1280}}}).kind, FileKind::kUnknown);
  EXPECT_EQ(Recognised({{"kernel", {8, 3, 3, 3}}}).kind, FileKind::kUnknown);
}

TEST(RecogniseTest, UnknownFilesSayWhatTheyHold) {
  EXPECT_EQ(Recognised({}).description, "unknown (no tensors)");
  EXPECT_EQ(Recognised({{"z", {1}}, {"a\n", {2, 2}}}).description, "unknown (2 tensors: \"a\\n\", \"z\")");
  EXPECT_EQ(Recognised({{"a", {1}}, {"b", {1}}, {"c", {1}}, {"d", {1}}, {"e", {1}}, {"f", {1}}}).description,
            R"(unknown (6 tensors: "a", "b", "c", "d", "e", …))");
  // Later systems have the prefix of a checkpoint's U-Net, too.
  EXPECT_EQ(Recognised({{"model.diffusion_model.double_blocks.0.img_attn.qkv.weight", {9216, 3072}}, {"x", {1}}}).kind,
            FileKind::kUnknown);
}

TEST(RecogniseTest, SeveralKindsInOneFileAreNamed) {
  const FileIdentity file = Recognised({{"model.diffusion_model.input_blocks.0.0.weight", {320, 4, 3, 3}},
                                        {"cond_stage_model.model.token_embedding.weight", {49408, 1024}},
                                        {"lora_unet_mid_block_attentions_0_proj_in.lora_down.weight", {4, 1280}}});
  EXPECT_EQ(file.kind, FileKind::kUnknown);
  EXPECT_EQ(file.architecture, "");
  EXPECT_EQ(file.description, "several kinds in one file: a checkpoint of stable-diffusion-2, a LoRA");
}

}  // namespace
}  // namespace latentd::model
