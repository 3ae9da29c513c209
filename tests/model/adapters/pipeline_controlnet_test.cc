// ControlNets in whole pipelines, at the level of the four verbs: rows that do not see their neighbours', and files
// that do not fit.

#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>

#include <cstring>
#include <fstream>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "model/adapters/read_controlnet.h"
#include "model/kernels/dispatch.h"
#include "model/kernels/matmul.h"
#include "model/pipeline/diffusion_pipeline.h"
#include "model/pipeline/model_folder.h"
#include "tests/model/layers/golden.h"
#include "tests/model/weights/test_folder.h"

namespace latentd::model {
namespace {

using testing::Contains;
using testing::HasSubstr;

const std::filesystem::path kPipelines = std::filesystem::path(LATENTD_SOURCE_DIR) / "tests/golden/pipelines";
const std::filesystem::path kAdapters = kPipelines / "adapters";
constexpr const char* kWeights = "diffusion_pytorch_model.safetensors";

std::unique_ptr<DiffusionPipeline> Open(const std::string& model, at::ScalarType type = at::kFloat) {
  const ModelFolder folder = ModelFolder::Open(kPipelines / "models" / model);
  return std::make_unique<DiffusionPipeline>(folder.load(at::TensorOptions().dtype(type)));
}

// A picture of `width` × `height` that `name` decides.
at::Tensor Picture(const std::string& name, int64_t width, int64_t height) {
  return (InputByFormula(name, {height, width, 3}).abs() * 150).to(at::kByte);
}

class RowsWithControls : public testing::TestWithParam<at::ScalarType> {};

TEST_P(RowsWithControls, AreTheirLoneRunsBesideAnyOthers) {
  if (kernels::LeaveProductToLibTorch(at::zeros({1}, GetParam()))) GTEST_SKIP();
  const auto model = Open("tiny-epsilon", GetParam());
  const auto lora = model->LoadLora(kAdapters / "lora-attention.safetensors");
  const auto net = model->LoadControlNet(kAdapters / "control" / kWeights);
  const auto bgr = model->LoadControlNet(kAdapters / "control-bgr/diffusion_pytorch_model.fp16.safetensors");
  // 17 x 16 is large enough for Winograd's convolution on the first level.
  const auto control = [](const std::shared_ptr<const ControlNet>& by, const std::string& picture, double scale) {
    return AppliedControl{.net = by, .hint = by->EncodeHint(Picture(picture, 128, 136)), .scale = scale};
  };
  const std::vector<std::vector<AppliedControl>> sets = {{},
                                                         {control(net, "a", 1)},
                                                         {control(bgr, "b", 0.5), control(net, "a", -0.7)},
                                                         {control(net, "a", 1)},
                                                         {},
                                                         {control(net, "c", 0.4), control(net, "d", 0.6)},
                                                         {control(net, "a", -0.7), control(bgr, "b", 0.5)},
                                                         {control(bgr, "d", 2), control(net, "c", 0)}};
  const std::vector<AppliedLora> loras = {{.lora = lora, .scale = 0.8}};
  std::vector<Conditioning> texts;
  for (const char* text : {"a red apple", "", "the green house BREAK in the morning"}) {
    const Prompt prompt{.text = text, .clip_skip = 0};
    texts.push_back(model->Encode({&prompt, 1})[0]);
  }
  std::vector<PredictRow> rows;
  for (size_t i = 0; i < sets.size(); ++i) {
    rows.push_back({.latent = InputByFormula("latent" + std::to_string(i), {4, 17, 16}),
                    .concat = {},
                    .timestep = 20.5 + 100 * static_cast<double>(i),
                    .cond = &texts[i % 2 == 0 ? 0 : 2],
                    .uncond = i % 3 == 1 ? nullptr : &texts[1],
                    .guidance_scale = 5,
                    .controls = sets[i]});
    if (i >= 3) rows.back().loras = loras;
  }
  const std::vector<at::Tensor> together = model->Predict(rows);
  const std::vector<PredictRow> turned(rows.rbegin(), rows.rend());
  const std::vector<at::Tensor> elsewhere = model->Predict(turned);
  for (size_t i = 0; i < rows.size(); ++i) {
    EXPECT_TRUE(SameBytes(model->Predict({&rows[i], 1})[0], together[i])) << i;
    EXPECT_TRUE(SameBytes(elsewhere[rows.size() - 1 - i], together[i])) << i;
    PredictRow without = rows[i];
    without.controls = {};
    const at::Tensor plain = model->Predict({&without, 1})[0];
    EXPECT_EQ(SameBytes(plain, together[i]), sets[i].empty()) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Types, RowsWithControls, testing::Values(at::kFloat, at::kBFloat16),
                         [](const auto& param) { return std::string(c10::toString(param.param)); });

// Its LoRA changes the U-Net alone.
TEST(PipelineControlNet, ALoraLeavesTheControlNetAsItIs) {
  const auto model = Open("tiny-epsilon");
  const auto net = model->LoadControlNet(kAdapters / "control" / kWeights);
  const Prompt prompt{.text = "a red apple", .clip_skip = 0};
  const Conditioning text = model->Encode({&prompt, 1})[0];
  const at::Tensor latent = InputByFormula("latent", {1, 4, 7, 9});
  const at::Tensor hint = net->EncodeHint(Picture("a", 72, 56)).unsqueeze(0);
  const auto residuals = [&] {
    return net->network().forward(latent, at::zeros({1}) + 501, {{text.states.unsqueeze(0)}}, hint).middle;
  };
  const at::Tensor before = residuals();
  const auto lora = model->LoadLora(kAdapters / "lora-attention.safetensors");
  const std::vector<AppliedLora> loras = {{.lora = lora, .scale = 1}};
  const PredictRow row{.latent = latent[0], .concat = {}, .timestep = 501, .cond = &text, .loras = loras};
  model->Predict({&row, 1});
  EXPECT_TRUE(SameBytes(residuals(), before));
}

// A 9-channel U-Net's mask and picture are not for the ControlNet.
TEST(PipelineControlNet, SeesTheLatentAlone) {
  const auto model = Open("tiny-inpaint");
  const auto net = model->LoadControlNet(kAdapters / "control-inpaint" / kWeights);
  const Prompt prompt{.text = "a red apple", .clip_skip = 0};
  const Conditioning text = model->Encode({&prompt, 1})[0];
  const std::vector<AppliedControl> controls = {{.net = net, .hint = net->EncodeHint(Picture("a", 72, 56))}};
  PredictRow row{.latent = InputByFormula("latent", {4, 7, 9}),
                 .concat = InputByFormula("concat", {5, 7, 9}),
                 .timestep = 501,
                 .cond = &text,
                 .controls = controls};
  const at::Tensor steered = model->Predict({&row, 1})[0];
  row.controls = {};
  EXPECT_GT((model->Predict({&row, 1})[0] - steered).abs().max().item<double>(), 0.01);
}

TEST(PipelineControlNet, WhatDoesNotFitIsNamed) {
  const auto model = Open("tiny-epsilon");
  const auto problems = [&](const std::filesystem::path& file) {
    return ProblemsOf([&] { model->LoadControlNet(kAdapters / file); });
  };
  const auto of_xl = problems(std::filesystem::path("control-xl") / kWeights);
  EXPECT_THAT(of_xl, Contains("block_out_channels: is [16, 16, 24]; the model's is [16, 32]"));
  EXPECT_THAT(of_xl, Contains("layers_per_block: is [1, 1, 1]; the model's is [2, 2]"));
  EXPECT_THAT(of_xl, Contains("cross_attention_dim: is [40]; the model's is [32]"));
  EXPECT_THAT(of_xl, Contains("projection_class_embeddings_input_dim: is 68; the model's is 0"));
  EXPECT_THAT(problems(std::filesystem::path("control-inpaint") / kWeights),
              testing::ElementsAre("layers_per_block: is [1, 1]; the model's is [2, 2]"));
  EXPECT_THAT(problems("lora-attention.safetensors"), Contains(HasSubstr("conv_in.weight: is missing")));
  // A picture of this model's is four times as large as its latent.
  const auto small = Open("tiny-sample");
  EXPECT_THAT(ProblemsOf([&] { small->LoadControlNet(kAdapters / "control" / kWeights); }),
              Contains(HasSubstr("pixels for one place of the latent: is 8; the model's is 4")));
  const auto pixels = Open("tiny-ddpm");
  EXPECT_THAT(ProblemsOf([&] { pixels->LoadControlNet(kAdapters / "control" / kWeights); }),
              testing::ElementsAre("this model takes no ControlNet"));
}

// The file's own names and bytes, changed by tests.
class ControlNetFile : public testing::Test {
 protected:
  void SetUp() override { model_ = Open("tiny-v"); }

  // A copy of a file, its tensors below `prefix`; those whose names begin with `removed` are another network's there.
  std::filesystem::path Copy(const std::string& source, const std::string& prefix,
                             const std::string& removed = "none") const {
    std::ifstream stream(kAdapters / source, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(stream), std::istreambuf_iterator<char>()};
    uint64_t length = 0;
    std::memcpy(&length, bytes.data(), sizeof(length));
    const std::string known = "control_model.";
    const nlohmann::json original = nlohmann::json::parse(bytes.substr(sizeof(length), length));
    nlohmann::json header;
    for (const auto& [name, info] : original.items()) {
      const std::string own = name.starts_with(known) ? name.substr(known.size()) : name;
      header[name == "__metadata__" ? name : own.starts_with(removed) ? "model." + own : prefix + own] = info;
    }
    return folder_.Write("made.safetensors", SafetensorsBytes(header.dump(), bytes.substr(sizeof(length) + length)));
  }

  at::Tensor Middle(const std::filesystem::path& file) const {
    const auto net = model_->LoadControlNet(file);
    const at::Tensor hint = net->EncodeHint(Picture("a", 72, 56)).unsqueeze(0);
    return net->network()
        .forward(InputByFormula("latent", {1, 4, 7, 9}), at::zeros({1}) + 501, {{InputByFormula("text", {1, 7, 32})}},
                 hint)
        .middle;
  }

  const TestFolder folder_;
  std::unique_ptr<DiffusionPipeline> model_;
};

TEST_F(ControlNetFile, MayHaveNoPrefix) {
  EXPECT_TRUE(
      SameBytes(Middle(Copy("control-original.safetensors", "")), Middle(kAdapters / "control-original.safetensors")));
}

TEST_F(ControlNetFile, ThatLacksATensorNamesIt) {
  const auto problems = ProblemsOf(
      [&] { model_->LoadControlNet(Copy("control-original.safetensors", "control_model.", "zero_convs.2")); });
  EXPECT_THAT(problems, Contains(HasSubstr("controlnet_down_blocks.2.weight")));
  EXPECT_THAT(problems, Contains(HasSubstr("controlnet_down_blocks.2.bias")));
  EXPECT_EQ(problems.size(), 2U);
}

// diffusers' names without its config.json: the model says what shapes do not tell.
TEST_F(ControlNetFile, MayLackItsConfiguration) {
  model_ = Open("tiny-epsilon");
  EXPECT_TRUE(
      SameBytes(Middle(Copy(std::string("control/") + kWeights, "")), Middle(kAdapters / "control" / kWeights)));
}

}  // namespace
}  // namespace latentd::model
