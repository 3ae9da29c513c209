// What is recognised, loaded and refused of a folder of Stable Diffusion XL.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "model/errors.h"
#include "model/pipeline/diffusion_pipeline.h"
#include "model/pipeline/model_folder.h"
#include "tests/model/layers/golden.h"

namespace latentd::model {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::HasSubstr;

fs::path GoldenModel(const std::string& name) {
  return fs::path(LATENTD_SOURCE_DIR) / "tests/golden/pipelines/models" / name;
}

PipelineParts Load(const std::string& name, at::ScalarType type = at::kFloat) {
  return ModelFolder::Open(GoldenModel(name)).load(at::TensorOptions().dtype(type));
}

TEST(StableDiffusionXlLayout, RecognisesTheBaseAndItsRefiner) {
  const ModelFolder base = ModelFolder::Open(GoldenModel("tiny-xl"));
  EXPECT_EQ(base.architecture, "stable-diffusion-xl");
  EXPECT_TRUE(base.takes_prompt_2);
  EXPECT_TRUE(base.takes_size_conditioning);
  EXPECT_FALSE(base.takes_aesthetic_score);
  EXPECT_FALSE(base.needs_picture);
  EXPECT_EQ(base.text_layers, 3);
  EXPECT_EQ(base.guidance_scale, 5);
  const ModelFolder refiner = ModelFolder::Open(GoldenModel("tiny-xl-refiner"));
  EXPECT_EQ(refiner.architecture, "stable-diffusion-xl-refiner");
  EXPECT_FALSE(refiner.takes_prompt_2);
  EXPECT_TRUE(refiner.takes_aesthetic_score);
  EXPECT_TRUE(refiner.needs_picture);
  EXPECT_TRUE(ModelFolder::Open(GoldenModel("tiny-xl-inpaint")).inpaints_only);
}

// In float16 such a VAE overflows; in bfloat16 it does not.
TEST(StableDiffusionXlLayout, AVaeThatAsksForItRunsInFloat32InsteadOfFloat16) {
  const at::Tensor latent = at::zeros({1, 4, 4, 4});
  for (const auto& [type, decoded] : {std::pair(at::kHalf, at::kFloat), std::pair(at::kBFloat16, at::kBFloat16)}) {
    const PipelineParts parts = Load("tiny-xl", type);
    EXPECT_EQ(parts.codec->Decode(latent).scalar_type(), decoded);
    const std::array prompts = {Prompt{.text = "a red apple", .text_2 = "a red apple"}};
    EXPECT_EQ(parts.conditioner->Encode(prompts)[0].states.scalar_type(), type);
  }
}

TEST(StableDiffusionXlLayout, AnEmptyNegativePromptIsNoTextWhereTheModelSaysSo) {
  const std::array prompts = {Prompt{.text = "", .text_2 = "", .negative = true}, Prompt{.text = "", .text_2 = ""},
                              Prompt{.text = "", .text_2 = "red", .negative = true}};
  const auto base = Load("tiny-xl").conditioner->Encode(prompts);
  EXPECT_EQ(base[0].states.sizes(), base[1].states.sizes());
  EXPECT_EQ(base[0].states.abs().max().item<float>(), 0);
  EXPECT_EQ(base[0].pooled.abs().max().item<float>(), 0);
  EXPECT_GT(base[1].states.abs().max().item<float>(), 0);
  EXPECT_GT(base[2].pooled.abs().max().item<float>(), 0);
  EXPECT_GT(Load("tiny-xl-refiner").conditioner->Encode(prompts)[0].states.abs().max().item<float>(), 0);
}

TEST(StableDiffusionXlLayout, TheSecondPromptGoesToTheSecondEncoderAlone) {
  const std::array prompts = {Prompt{.text = "a red apple", .text_2 = "a red apple"},
                              Prompt{.text = "a red apple", .text_2 = "the green house"},
                              Prompt{.text = "the green house", .text_2 = "the green house"}};
  const auto together = Load("tiny-xl").conditioner->Encode(prompts);
  const auto first = [](const Conditioning& each) { return each.states.narrow(1, 0, 16); };
  const auto second = [](const Conditioning& each) { return each.states.narrow(1, 16, 24); };
  EXPECT_TRUE(SameBytes(first(together[1]), first(together[0])));
  EXPECT_TRUE(SameBytes(second(together[1]), second(together[2])));
  EXPECT_TRUE(SameBytes(together[1].pooled, together[2].pooled));
  EXPECT_FALSE(SameBytes(together[0].pooled, together[2].pooled));
}

class FaultyXl : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::temp_directory_path() / ("latentd-xl-" + std::to_string(getpid()));
    fs::remove_all(folder_);
    fs::copy(GoldenModel("tiny-xl"), folder_, fs::copy_options::recursive);
  }
  void TearDown() override { fs::remove_all(folder_); }

  // The problems after the field of a JSON file has been given another value.
  std::string With(const std::string& file, const std::string& field, const nlohmann::json& value) {
    nlohmann::json document = nlohmann::json::parse(std::ifstream(folder_ / file));
    const std::string before = document.dump();
    document[field] = value;
    std::ofstream(folder_ / file) << document;
    const std::string problems = Problems();
    std::ofstream(folder_ / file) << before;
    return problems;
  }

  std::string Problems() const {
    try {
      ModelFolder::Open(folder_);
    } catch (const ModelError& error) {
      return error.what();
    }
    return "";
  }

  fs::path folder_;
};

TEST_F(FaultyXl, EachFaultIsNamed) {
  EXPECT_EQ(Problems(), "");
  EXPECT_THAT(With("model_index.json", "requires_aesthetics_score", true),
              AllOf(HasSubstr("projection_class_embeddings_input_dim must be 60"), HasSubstr("aesthetic")));
  EXPECT_THAT(With("model_index.json", "text_encoder", {nullptr, nullptr}),
              HasSubstr("cross_attention_dim must be the text encoders' hidden_size together, 24"));
  EXPECT_THAT(With("model_index.json", "text_encoder_2", {"transformers", "CLIPTextModel"}),
              HasSubstr("text_encoder_2: CLIPTextModel is not supported"));
  EXPECT_THAT(With("model_index.json", "a_new_part", 1), HasSubstr("a_new_part"));
  EXPECT_THAT(With("text_encoder_2/config.json", "projection_dim", 21), HasSubstr("text_projection.weight"));
  EXPECT_THAT(With("unet/config.json", "addition_time_embed_dim", 9), HasSubstr("must be 74"));
  EXPECT_THAT(With("tokenizer_2/tokenizer_config.json", "model_max_length", 70), HasSubstr("a window of 70"));
}

TEST_F(FaultyXl, AUNetWithoutAddedConditionsIsNoXl) {
  EXPECT_THAT(With("unet/config.json", "addition_embed_type", nullptr), HasSubstr("addition_time_embed_dim"));
  EXPECT_THAT(With("model_index.json", "_class_name", "StableDiffusionPipeline"), HasSubstr("text_encoder_2"));
}

TEST_F(FaultyXl, AMissingPartIsNamed) {
  fs::remove_all(folder_ / "text_encoder_2");
  EXPECT_THAT(Problems(), HasSubstr("text_encoder_2"));
}

}  // namespace
}  // namespace latentd::model
