#include "model/adapters/read_lora.h"

#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>

#include <limits>
#include <memory>
#include <string>

#include "model/layers/conv2d.h"
#include "model/layers/linear.h"
#include "tests/model/adapters/lora_file.h"
#include "tests/model/layers/golden.h"

namespace latentd::model {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// Layers with the names that real networks have: a residual block's convolution and a cross-attention's keys.
struct SmallUNetImpl : torch::nn::Module {
  explicit SmallUNetImpl(const at::TensorOptions& options) {
    conv = register_module("conv_in", Conv2d(Conv2dImpl::Shape{.in_channels = 4, .out_channels = 8}, options));
    point = register_module("proj_in", Linear(8, 8, true, options, WeightLayout::kPointwise));
    auto attention = register_module("attn2", std::make_shared<torch::nn::Module>());
    keys = attention->register_module("to_k", Linear(768, 8, false, options));
  }
  Conv2d conv{nullptr};
  Linear point{nullptr}, keys{nullptr};
};
TORCH_MODULE(SmallUNet);

struct SmallTextImpl : torch::nn::Module {
  explicit SmallTextImpl(const at::TensorOptions& options) {
    auto text = register_module("text_model", std::make_shared<torch::nn::Module>());
    projection = text->register_module("q_proj", Linear(6, 6, true, options));
  }
  Linear projection{nullptr};
};
TORCH_MODULE(SmallText);

class ReadLoraTest : public testing::Test {
 protected:
  explicit ReadLoraTest(at::ScalarType type = at::kFloat)
      : unet_(SmallUNet(at::TensorOptions().dtype(type))), text_(SmallText(at::TensorOptions().dtype(type))) {}

  std::shared_ptr<const Lora> Read(const std::map<std::string, at::Tensor>& tensors) {
    return ReadLora(WriteLoraFile(folder_, tensors), networks_);
  }
  std::vector<std::string> Problems(const std::map<std::string, at::Tensor>& tensors) {
    return ProblemsOf([&] { Read(tensors); });
  }

  const TestFolder folder_;
  const SmallUNet unet_;
  const SmallText text_;
  const AdaptableNetwork unet_layers_{"unet", *unet_};
  const AdaptableNetwork text_layers_{"text_encoder", *text_};
  const std::vector<const AdaptableNetwork*> networks_ = {&unet_layers_, &text_layers_};
};

const at::Tensor kDown = InputByFormula("down", {2, 768});
const at::Tensor kUp = InputByFormula("up", {8, 2});

TEST_F(ReadLoraTest, EveryStyleNamesTheSameLayer) {
  for (const auto& [down, up] :
       {std::pair{"unet.attn2.to_k.lora_A.weight", "unet.attn2.to_k.lora_B.weight"},
        {"attn2.to_k.lora_A.weight", "attn2.to_k.lora_B.weight"},
        {"unet.attn2.to_k.lora_A.a.weight", "unet.attn2.to_k.lora_B.a.weight"},
        {"unet.attn2.to_k.lora.down.weight", "unet.attn2.to_k.lora.up.weight"},
        {"unet.attn2.processor.to_k_lora.down.weight", "unet.attn2.processor.to_k_lora.up.weight"},
        {"lora_unet_attn2_to_k.lora_down.weight", "lora_unet_attn2_to_k.lora_up.weight"}}) {
    const auto lora = Read({{down, kDown}, {up, kUp}});
    EXPECT_FALSE(lora->changes_text());
    ASSERT_EQ(lora->Changes("unet").size(), 1u) << down;
    const Lora::Change& change = lora->Changes("unet")[0];
    EXPECT_EQ(unet_layers_.layers()[change.layer].name, "attn2.to_k");
    EXPECT_TRUE(SameBytes(change.weights.down, kDown));
    EXPECT_TRUE(SameBytes(change.weights.up, kUp));
    EXPECT_EQ(lora->memory_bytes(), (2 * 768 + 8 * 2) * 4);
  }
}

TEST_F(ReadLoraTest, TextEncodersWithAndWithoutTheirPrefix) {
  const at::Tensor down = InputByFormula("down", {3, 6}), up = InputByFormula("up", {6, 3});
  for (const auto& [first, second] :
       {std::pair{"text_encoder.text_model.q_proj.lora_A.weight", "text_encoder.text_model.q_proj.lora_B.weight"},
        {"text_encoder.q_proj.lora_A.weight", "text_encoder.q_proj.lora_B.weight"},
        {"text_model.q_proj.lora_linear_layer.down.weight", "text_model.q_proj.lora_linear_layer.up.weight"},
        {"lora_te_text_model_q_proj.lora_down.weight", "lora_te_text_model_q_proj.lora_up.weight"},
        {"lora_te1_text_model_q_proj.lora_down.weight", "lora_te1_text_model_q_proj.lora_up.weight"}}) {
    const auto lora = Read({{first, down}, {second, up}});
    EXPECT_TRUE(lora->changes_text()) << first;
    EXPECT_EQ(lora->Changes("text_encoder").size(), 1u) << first;
    EXPECT_THAT(lora->Changes("unet"), IsEmpty());
  }
}

TEST_F(ReadLoraTest, AlphaOverRankIsInTheUpperFactor) {
  const auto lora = Read({{"lora_unet_attn2_to_k.lora_down.weight", kDown.to(at::kHalf)},
                          {"lora_unet_attn2_to_k.lora_up.weight", kUp.to(at::kBFloat16)},
                          {"lora_unet_attn2_to_k.alpha", at::full({}, 3.0)}});
  const LowRank& weights = lora->Changes("unet")[0].weights;
  EXPECT_TRUE(SameBytes(weights.down, kDown.to(at::kHalf).to(at::kFloat)));
  EXPECT_TRUE(SameBytes(weights.up, kUp.to(at::kBFloat16).to(at::kFloat) * 1.5));
}

TEST_F(ReadLoraTest, ConvolutionsAndPointwiseLayersOfEitherShape) {
  const auto lora = Read({{"unet.conv_in.lora_A.weight", InputByFormula("a", {3, 4, 3, 3})},
                          {"unet.conv_in.lora_B.weight", InputByFormula("b", {8, 3, 1, 1})},
                          {"unet.proj_in.lora_A.weight", InputByFormula("a", {3, 8})},
                          {"unet.proj_in.lora_B.weight", InputByFormula("b", {8, 3})}});
  ASSERT_EQ(lora->Changes("unet").size(), 2u);
  const LowRank& conv = lora->Changes("unet")[0].weights;
  EXPECT_EQ(conv.down.sizes(), at::IntArrayRef({3, 4, 3, 3}));
  EXPECT_TRUE(conv.down.is_contiguous(at::MemoryFormat::ChannelsLast));
  EXPECT_EQ(conv.up.sizes(), at::IntArrayRef({8, 3}));
  EXPECT_EQ(lora->Changes("unet")[1].weights.down.sizes(), at::IntArrayRef({3, 8, 1, 1}));
}

TEST_F(ReadLoraTest, KeysThatMatchNothingAreListed) {
  EXPECT_THAT(Problems({{"unet.attn2.to_k.lora_A.weight", kDown},
                        {"unet.attn2.to_k.lora_B.weight", kUp},
                        {"unet.attn3.to_k.lora_A.weight", kDown},
                        {"lora_te2_text_model_q_proj.lora_up.weight", kUp},
                        {"something.else", kUp}}),
              ElementsAre("lora_te2_text_model_q_proj.lora_up.weight: matches no layer of this model",
                          "something.else: is no tensor of a LoRA",
                          "unet.attn3.to_k.lora_A.weight: matches no layer of this model"));
}

TEST_F(ReadLoraTest, LongListsAreCutAndCounted) {
  std::map<std::string, at::Tensor> tensors;
  for (int i = 0; i < 50; ++i) tensors["unet.other." + std::to_string(100 + i) + ".lora_A.weight"] = kDown;
  const auto problems = Problems(tensors);
  ASSERT_THAT(problems, SizeIs(21));
  EXPECT_EQ(problems[0], "unet.other.100.lora_A.weight: matches no layer of this model");
  EXPECT_EQ(problems[20], "and 30 more like these");
}

TEST_F(ReadLoraTest, KindsThatAreNotSupportedAreNamed) {
  EXPECT_THAT(Problems({{"lora_unet_attn2_to_k.hada_w1_a", kUp},
                        {"lora_unet_attn2_to_k.hada_w1_b", kDown},
                        {"lora_unet_proj_in.lokr_w1", kUp},
                        {"lora_unet_conv_in.dora_scale", kUp},
                        {"unet.conv_in.lora_magnitude_vector", kUp}}),
              ElementsAre("DoRA is not supported (LoRA and LoCon are): lora_unet_conv_in.dora_scale and 1 more",
                          "LoHa is not supported (LoRA and LoCon are): lora_unet_attn2_to_k.hada_w1_a and 1 more",
                          "LoKr is not supported (LoRA and LoCon are): lora_unet_proj_in.lokr_w1"));
}

TEST_F(ReadLoraTest, ALoraOfAnotherArchitectureIsToldApart) {
  EXPECT_THAT(Problems({{"unet.attn2.to_k.lora_A.weight", InputByFormula("down", {2, 2048})},
                        {"unet.attn2.to_k.lora_B.weight", kUp}}),
              ElementsAre("is made for a model of 2048 text features (Stable Diffusion XL); this one has 768 text "
                          "features (Stable Diffusion 1.x)",
                          "unet.attn2.to_k.lora_A.weight: has shape [2, 2048]; the layer takes [rank, 768]"));
  EXPECT_THAT(Problems({{"lora_unet_input_blocks_9_1_attn2_to_k.lora_down.weight", InputByFormula("down", {2, 1024})}}),
              ElementsAre(HasSubstr("is made for a model of 1024 text features (Stable Diffusion 2.x)"),
                          HasSubstr("matches no layer")));
  EXPECT_THAT(Problems({{"transformer.single_transformer_blocks.0.attn.to_k.lora_A.weight", kDown}}),
              ElementsAre("is made for a diffusion transformer; this model is a U-Net", HasSubstr("matches no layer")));
}

TEST_F(ReadLoraTest, ShapesRanksAndTypesAreChecked) {
  EXPECT_THAT(Problems({{"unet.attn2.to_k.lora_A.weight", kDown}, {"unet.attn2.to_k.lora_B.weight", at::ones({8, 3})}}),
              ElementsAre("unet.attn2.to_k.lora_B.weight: has shape [8, 3] instead of [8, 2]"));
  EXPECT_THAT(Problems({{"unet.attn2.to_k.lora_A.weight", at::ones({0, 768})},
                        {"unet.attn2.to_k.lora_B.weight", at::ones({8, 0})}}),
              ElementsAre("unet.attn2.to_k.lora_A.weight: has rank 0"));
  EXPECT_THAT(Problems({{"unet.conv_in.lora_A.weight", at::ones({2, 4, 1, 1})},
                        {"unet.conv_in.lora_B.weight", at::ones({8, 2, 1, 1})}}),
              ElementsAre("unet.conv_in.lora_A.weight: has shape [2, 4, 1, 1]; the layer takes [rank, 4, 3, 3]"));
  EXPECT_THAT(Problems({{"unet.attn2.to_k.lora_A.weight", at::ones({})}, {"unet.attn2.to_k.lora_B.weight", kUp}}),
              Contains(HasSubstr("has shape []; the layer takes [rank, 768]")));
  EXPECT_THAT(
      Problems({{"unet.attn2.to_k.lora_A.weight", kDown.to(at::kLong)}, {"unet.attn2.to_k.lora_B.weight", kUp}}),
      ElementsAre("unet.attn2.to_k.lora_A.weight: has type Long, which is not loaded"));
  EXPECT_THAT(Problems({{"unet.attn2.to_k.lora_A.weight", kDown},
                        {"unet.attn2.to_k.lora_B.weight", kUp},
                        {"unet.attn2.to_k.alpha", at::ones({2})}}),
              ElementsAre("unet.attn2.to_k.alpha: has shape [2] instead of one number"));
}

TEST_F(ReadLoraTest, HalfPairsAndTwoForOneLayerAreRefused) {
  EXPECT_THAT(Problems({{"unet.attn2.to_k.lora_A.weight", kDown}}),
              ElementsAre("unet.attn2.to_k.lora_A.weight: lacks its counterpart, up (lora_B)"));
  EXPECT_THAT(Problems({{"unet.attn2.to_k.lora_B.weight", kUp}}),
              ElementsAre("unet.attn2.to_k.lora_B.weight: lacks its counterpart, down (lora_A)"));
  EXPECT_THAT(Problems({{"unet.attn2.to_k.alpha", at::ones({})}}),
              ElementsAre("unet.attn2.to_k.alpha: lacks its counterpart, down and up"));
  EXPECT_THAT(Problems({{"attn2.to_k.lora_A.weight", kDown},
                        {"unet.attn2.to_k.lora_A.weight", kDown},
                        {"unet.attn2.to_k.lora_B.weight", kUp}}),
              ElementsAre("unet.attn2.to_k.lora_A.weight: is for the same layer as attn2.to_k.lora_A.weight"));
  EXPECT_THAT(Problems({}), ElementsAre("has no tensors"));
}

TEST_F(ReadLoraTest, ValuesThatAreNotFiniteAreRefused) {
  at::Tensor nan = kDown.clone();
  nan[1][7] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(Problems({{"unet.attn2.to_k.lora_A.weight", nan},
                        {"unet.attn2.to_k.lora_B.weight", kUp / 0},
                        {"unet.attn2.to_k.alpha", at::full({}, HUGE_VAL)}}),
              ElementsAre("unet.attn2.to_k.alpha: is NaN or infinite",
                          "unet.attn2.to_k.lora_A.weight: has values that are NaN or infinite in Float",
                          "unet.attn2.to_k.lora_B.weight: has values that are NaN or infinite in Float"));
}

class ReadLoraInHalf : public ReadLoraTest {
 protected:
  ReadLoraInHalf() : ReadLoraTest(at::kHalf) {}
};

TEST_F(ReadLoraInHalf, TakesTheTypeOfTheLayersAndRefusesWhatOverflowsThere) {
  const auto lora = Read({{"unet.attn2.to_k.lora_A.weight", kDown}, {"unet.attn2.to_k.lora_B.weight", kUp}});
  EXPECT_EQ(lora->Changes("unet")[0].weights.down.scalar_type(), at::kHalf);
  EXPECT_EQ(lora->memory_bytes(), (2 * 768 + 8 * 2) * 2);
  EXPECT_THAT(Problems({{"unet.attn2.to_k.lora_A.weight", kDown * 1e6}, {"unet.attn2.to_k.lora_B.weight", kUp}}),
              ElementsAre("unet.attn2.to_k.lora_A.weight: has values that are NaN or infinite in Half"));
}

}  // namespace
}  // namespace latentd::model
