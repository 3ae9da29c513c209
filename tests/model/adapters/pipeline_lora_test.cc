// LoRAs in whole pipelines, at the level of the four verbs: parity with diffusers, and rows that do not see their
// neighbours'.

#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "model/kernels/dispatch.h"
#include "model/kernels/matmul.h"
#include "model/pipeline/diffusion_pipeline.h"
#include "model/pipeline/model_folder.h"
#include "tests/model/layers/golden.h"
#include "tests/model/weights/test_folder.h"

namespace latentd::model {
namespace {

const std::filesystem::path kPipelines = std::filesystem::path(LATENTD_SOURCE_DIR) / "tests/golden/pipelines";

std::unique_ptr<DiffusionPipeline> Open(const std::string& model, at::ScalarType type = at::kFloat) {
  const ModelFolder folder = ModelFolder::Open(kPipelines / "models" / model);
  return std::make_unique<DiffusionPipeline>(folder.load(at::TensorOptions().dtype(type)));
}

std::shared_ptr<const Lora> Load(const DiffusionModel& model, const std::string& name) {
  return model.LoadLora(kPipelines / "adapters" / (name + ".safetensors"));
}

TEST(PipelineLora, EqualsTheReferenceUnderEveryCasesLoras) {
  const Golden golden("lora/predictions.safetensors");
  std::ifstream file(kPipelines / "cases/lora.json");
  const nlohmann::json cases = nlohmann::json::parse(file);
  ASSERT_GE(cases.size(), 6u);
  for (const nlohmann::json& example : cases) {
    const auto name = example.at("name").get<std::string>();
    const auto model = Open(example.at("spec").at("model"));
    std::vector<AppliedLora> loras;
    for (const nlohmann::json& lora : example.at("spec").at("loras")) {
      loras.push_back({.lora = Load(*model, lora.at("name")), .scale = lora.at("scale")});
    }
    const Prompt prompt{.text = "a red apple", .clip_skip = 0, .loras = loras};
    const Conditioning text = model->Encode({&prompt, 1})[0];
    EXPECT_LT(LargestDifference(name + " text", text.states, golden[name + ".states"]), 2e-5);
    PredictRow row{.latent = golden["latent"], .concat = {}, .timestep = 501, .cond = &text, .loras = loras};
    const at::Tensor noise = model->Predict({&row, 1})[0];
    EXPECT_LT(LargestDifference(name + " noise", noise, golden[name + ".noise"]), 1e-4);
    row.loras = {};
    EXPECT_GT(LargestDifference(name + " without", model->Predict({&row, 1})[0], noise), 0.05);
  }
}

class RowsWithLoras : public testing::TestWithParam<at::ScalarType> {};

TEST_P(RowsWithLoras, AreTheirLoneRunsBesideAnyOthers) {
  if (kernels::LeaveProductToLibTorch(at::randn({1}).to(GetParam()))) GTEST_SKIP();
  const auto model = Open("tiny-epsilon", GetParam());
  const auto attention = Load(*model, "lora-attention"), kohya = Load(*model, "lora-kohya"),
             before = Load(*model, "lora-before-peft");
  const std::vector<std::vector<AppliedLora>> sets = {{},
                                                      {{attention, 1}},
                                                      {{attention, 0.8}, {kohya, -0.5}},
                                                      {{kohya, 0.7}},
                                                      {},
                                                      {{before, 1}, {attention, 0.3}, {kohya, 0.2}},
                                                      {{attention, 1}},
                                                      {{attention, 0.4}}};
  std::vector<Prompt> prompts;
  for (size_t i = 0; i < sets.size(); ++i) {
    prompts.push_back({.text = i % 2 == 0 ? "a red apple" : "the green house", .clip_skip = i == 3, .loras = sets[i]});
    prompts.push_back({.text = "", .clip_skip = i == 3, .loras = sets[i]});
  }
  const std::vector<Conditioning> texts = model->Encode(prompts);
  std::vector<PredictRow> rows;
  for (size_t i = 0; i < sets.size(); ++i) {
    EXPECT_TRUE(SameBytes(model->Encode({&prompts[2 * i], 1})[0].states, texts[2 * i].states)) << i;
    // 17 x 16 is large enough for Winograd's convolution on the first level.
    rows.push_back({.latent = InputByFormula("latent" + std::to_string(i), {4, 17, 16}),
                    .concat = {},
                    .timestep = 20.5 + 100 * static_cast<double>(i),
                    .cond = &texts[2 * i],
                    .uncond = i % 3 == 1 ? nullptr : &texts[2 * i + 1],
                    .guidance_scale = 5,
                    .loras = sets[i]});
  }
  const std::vector<at::Tensor> together = model->Predict(rows);
  const std::vector<PredictRow> turned(rows.rbegin(), rows.rend());
  const std::vector<at::Tensor> elsewhere = model->Predict(turned);
  for (size_t i = 0; i < rows.size(); ++i) {
    EXPECT_TRUE(SameBytes(model->Predict({&rows[i], 1})[0], together[i])) << i;
    EXPECT_TRUE(SameBytes(elsewhere[rows.size() - 1 - i], together[i])) << i;
    if (sets[i].empty()) continue;
    PredictRow without = rows[i];
    without.loras = {};
    EXPECT_GT((model->Predict({&without, 1})[0] - together[i]).abs().max().item<double>(), 0.01) << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Types, RowsWithLoras, testing::Values(at::kFloat, at::kBFloat16),
                         [](const auto& param) { return std::string(c10::toString(param.param)); });

TEST(PipelineLora, AFileForAnotherModelIsRefusedWithEveryKey) {
  const auto model = Open("tiny-sample");
  const auto problems = ProblemsOf([&] { Load(*model, "lora-attention"); });
  EXPECT_GE(problems.size(), 10u);
}

TEST(PipelineLora, ModelsWithoutTextTakeNone) {
  const auto model = Open("tiny-ddpm");
  EXPECT_EQ(ProblemsOf([&] { Load(*model, "lora-attention"); }), std::vector<std::string>{"this model takes no LoRA"});
}

}  // namespace
}  // namespace latentd::model
