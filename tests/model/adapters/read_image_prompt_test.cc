// IP-Adapters at the level of the four verbs: files that do not fit, and rows that do not see their neighbours'.

#include "model/adapters/read_image_prompt.h"

#include <ATen/ops/full.h>
#include <ATen/ops/ones.h>
#include <ATen/ops/randn.h>
#include <gmock/gmock.h>

#include <filesystem>
#include <limits>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "model/errors.h"
#include "model/pipeline/diffusion_pipeline.h"
#include "model/pipeline/model_folder.h"
#include "model/weights/safetensors_file.h"
#include "tests/model/adapters/lora_file.h"
#include "tests/model/layers/golden.h"

namespace latentd::model {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::HasSubstr;

const fs::path kPipelines = fs::path(LATENTD_SOURCE_DIR) / "tests/golden/pipelines";
using Tensors = std::map<std::string, at::Tensor>;

std::unique_ptr<DiffusionPipeline> Open(const std::string& model, at::ScalarType type = at::kFloat) {
  return std::make_unique<DiffusionPipeline>(
      ModelFolder::Open(kPipelines / "models" / model).load(at::TensorOptions().dtype(type)));
}

Tensors TensorsOf(const std::string& adapter) {
  const auto file = SafetensorsFile::Open(kPipelines / "adapters" / (adapter + ".safetensors"));
  Tensors tensors;
  for (const auto& [name, info] : file->tensors()) tensors[name] = file->Get(name);
  return tensors;
}

class ReadImagePromptTest : public testing::Test {
 protected:
  ReadImagePromptTest() { fs::copy(kPipelines / "adapters/image_encoder", folder_.path() / "image_encoder"); }

  std::vector<std::string> Problems(const Tensors& tensors) const {
    const fs::path file = WriteLoraFile(folder_, tensors);
    return ProblemsOf([&] { model_->LoadImagePrompt(file); });
  }

  const TestFolder folder_;
  const std::unique_ptr<DiffusionPipeline> model_ = Open("tiny-epsilon");
};

TEST_F(ReadImagePromptTest, EveryTensorMustHaveItsLayer) {
  Tensors tensors = TensorsOf("ip-base");
  tensors.erase("ip_adapter.1.to_k_ip.weight");
  tensors["ip_adapter.3.to_v_ip.weight"] = at::ones({16, 31});
  tensors["ip_adapter.99.to_k_ip.weight"] = at::ones({16, 32});
  const std::vector<std::string> problems = Problems(tensors);
  EXPECT_EQ(problems.size(), 3U);
  EXPECT_THAT(problems, Contains("ip_adapter.1.to_k_ip.weight: is missing"));
  EXPECT_THAT(problems, Contains(HasSubstr("ip_adapter.3.to_v_ip.weight: has shape [16, 31]; the model's "
                                           "down_blocks.0.attentions.1.transformer_blocks.0.attn2 takes [16, 32]")));
  EXPECT_THAT(problems, Contains("ip_adapter.99.to_k_ip.weight: matches no layer of this model"));
}

TEST_F(ReadImagePromptTest, ValuesMustBeFinite) {
  Tensors tensors = TensorsOf("ip-base");
  tensors["ip_adapter.1.to_k_ip.weight"] = at::full({16, 32}, std::numeric_limits<double>::quiet_NaN());
  tensors["image_proj.norm.bias"] = at::full({32}, std::numeric_limits<double>::infinity());
  const std::vector<std::string> problems = Problems(tensors);
  EXPECT_THAT(problems, Contains(HasSubstr("ip_adapter.1.to_k_ip.weight: has values that are NaN or infinite")));
  EXPECT_THAT(problems, Contains(HasSubstr("image_proj.norm.bias: has values that are NaN or infinite")));
}

TEST_F(ReadImagePromptTest, TheProjectionMustFitEncoderAndNetwork) {
  Tensors tensors = TensorsOf("ip-base");
  tensors["image_proj.proj.weight"] = at::ones({128, 21});
  EXPECT_THAT(Problems(tensors), Contains(HasSubstr("proj.weight")));
  tensors = TensorsOf("ip-plus");
  tensors["image_proj.layers.0.0.to_q.weight"] = at::ones({100, 16});
  EXPECT_THAT(Problems(tensors), Contains(HasSubstr("layers.0.0.to_q.weight: 100 features are not a multiple of")));
}

TEST_F(ReadImagePromptTest, OtherFilesAreNone) {
  EXPECT_THAT(Problems(TensorsOf("lora-kohya")), Contains(HasSubstr("is no IP-Adapter that is served")));
  Tensors tensors = TensorsOf("ip-base");
  tensors["ip_adapter.0.to_q_lora.down.weight"] = at::ones({4, 16});
  EXPECT_THAT(Problems(tensors), Contains(HasSubstr("is no IP-Adapter that is served")));
}

TEST_F(ReadImagePromptTest, TheEncoderMustBeThere) {
  fs::remove_all(folder_.path() / "image_encoder");
  EXPECT_THAT(Problems(TensorsOf("ip-base")),
              Contains(HasSubstr("is missing: an IP-Adapter needs its image encoder in the folder image_encoder")));
}

TEST_F(ReadImagePromptTest, KnowsItsWeight) {
  const auto adapter = model_->LoadImagePrompt(WriteLoraFile(folder_, TensorsOf("ip-base")));
  int64_t elements = OpenImageEncoder(folder_.path() / "image_encoder").parameters;
  for (const auto& [name, tensor] : TensorsOf("ip-base")) elements += tensor.numel();
  EXPECT_EQ(adapter->memory_bytes(), 4 * elements);
}

at::Tensor Picture(const std::string& name, int64_t edge) {
  return (InputByFormula(name, {edge, edge, 3}) * 70 + 127).to(at::kByte);
}

class RowsWithImagePrompts : public testing::TestWithParam<at::ScalarType> {};

TEST_P(RowsWithImagePrompts, AreTheirLoneRunsBesideAnyOthers) {
  const auto model = Open("tiny-epsilon", GetParam());
  const auto load = [&](const std::string& name) {
    return model->LoadImagePrompt(kPipelines / "adapters" / (name + ".safetensors"));
  };
  const auto base = load("ip-base"), plus = load("ip-plus");
  const auto apply = [](const std::shared_ptr<const ImagePrompt>& adapter, double scale,
                        const std::vector<std::string>& pictures) {
    std::vector<at::Tensor> bytes;
    for (const std::string& picture : pictures) bytes.push_back(Picture(picture, 28));
    return AppliedImagePrompt{.adapter = adapter, .scale = scale, .tokens = adapter->Encode(bytes)};
  };
  const std::vector<std::vector<AppliedImagePrompt>> sets = {{},
                                                             {apply(base, 0.8, {"a"})},
                                                             {apply(base, 0.8, {"b"})},
                                                             {apply(base, 0.8, {"a", "b"})},
                                                             {apply(plus, -0.5, {"a"}), apply(base, 1, {"b"})},
                                                             {},
                                                             {apply(plus, 1, {"b"})}};
  const std::vector<Prompt> prompts = {{.text = "a red apple"}, {.text = "green", .negative = true}};
  const std::vector<Conditioning> texts = model->Encode(prompts);
  std::vector<PredictRow> rows;
  for (size_t i = 0; i < sets.size(); ++i) {
    rows.push_back({.latent = InputByFormula("latent" + std::to_string(i), {4, 7, 9}),
                    .concat = {},
                    .timestep = 100.0 * static_cast<double>(i) + 1,
                    .cond = &texts[0],
                    .uncond = i % 3 == 2 ? nullptr : &texts[1],
                    .guidance_scale = 5,
                    .image_prompts = sets[i]});
  }
  const std::vector<at::Tensor> together = model->Predict(rows);
  for (size_t i = 0; i < rows.size(); ++i) {
    const at::Tensor alone = model->Predict({&rows[i], 1})[0];
    EXPECT_TRUE(SameBytes(alone, together[i])) << i;
    if (sets[i].empty()) continue;
    PredictRow without = rows[i];
    without.image_prompts = {};
    EXPECT_GT(LargestDifference("without", model->Predict({&without, 1})[0], alone), 0.05) << i;
  }
  // Nothing is left of them.
  EXPECT_TRUE(SameBytes(model->Predict({&rows[0], 1})[0], together[0]));
}

INSTANTIATE_TEST_SUITE_P(Types, RowsWithImagePrompts, testing::Values(at::kFloat),
                         [](const auto& test) { return std::string(c10::toString(test.param)); });

TEST(ImagePromptTest, APicturesTokensDoNotDependOnTheOthers) {
  const auto model = Open("tiny-epsilon");
  for (const char* name : {"ip-base", "ip-plus", "ip-full-face"}) {
    const auto adapter = model->LoadImagePrompt(kPipelines / "adapters" / (std::string(name) + ".safetensors"));
    const std::vector<at::Tensor> pictures = {Picture("a", 28), Picture("b", 28)};
    const PictureTokens both = adapter->Encode(pictures);
    const PictureTokens second = adapter->Encode({&pictures[1], 1});
    const int64_t tokens = second.positive.size(0);
    EXPECT_EQ(both.positive.size(0), 2 * tokens);
    EXPECT_TRUE(SameBytes(both.positive.narrow(0, tokens, tokens), second.positive)) << name;
    EXPECT_TRUE(SameBytes(both.negative.narrow(0, 0, tokens), second.negative)) << name;
    EXPECT_TRUE(SameBytes(both.negative.narrow(0, tokens, tokens), second.negative)) << name;
    const at::Tensor other = Picture("a", 20);
    EXPECT_THROW(adapter->Encode({&other, 1}), c10::Error);
  }
}

}  // namespace
}  // namespace latentd::model
