#include "model/vision/safety_checker.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/full.h>
#include <gtest/gtest.h>

#include <string>

#include "model/errors.h"
#include "tests/model/layers/golden.h"

namespace latentd::model {
namespace {

constexpr int64_t kPictures = 64;

class SafetyCheckerTest : public testing::Test {
 protected:
  SafetyCheckerTest() : network_(ReadSafetyCheckerConfig(golden_.Config()), at::TensorOptions().dtype(at::kFloat)) {
    FillParameters(*network_);
    for (const char* name : {"concept_embeds_weights", "special_care_embeds_weights"}) Set(name, golden_[name]);
  }

  void Set(const std::string& name, const at::Tensor& values) { network_->named_parameters()[name].copy_(values); }

  static at::Tensor Pixels() {
    std::vector<at::Tensor> pixels;
    for (int64_t i = 0; i < kPictures; ++i) {
      pixels.push_back(InputByFormula("pixels" + std::to_string(i), {1, 3, 28, 28}) * static_cast<double>(1 + i % 7));
    }
    return at::cat(pixels);
  }

  void ExpectFlags(const std::string& name) {
    const std::vector<bool> flags = network_->forward(Pixels());
    const at::Tensor expected = golden_[name];
    ASSERT_EQ(static_cast<int64_t>(flags.size()), kPictures);
    for (int64_t i = 0; i < kPictures; ++i) {
      EXPECT_EQ(flags[static_cast<size_t>(i)], expected[i].item<bool>()) << "picture " << i;
    }
  }

  const Golden golden_{"vision/checker.safetensors"};
  StableDiffusionSafetyChecker network_;
};

TEST_F(SafetyCheckerTest, FlagsWhatTheReferenceFlags) { ExpectFlags("flags"); }

// The file has pictures that are flagged only since a special concept lowers the thresholds of the others.
TEST_F(SafetyCheckerTest, SpecialConceptsLowerTheThresholdsOfTheOthers) {
  Set("special_care_embeds_weights", at::full({3}, 2.0));
  ExpectFlags("unadjusted");
  EXPECT_FALSE(golden_["flags"].equal(golden_["unadjusted"]));
}

TEST_F(SafetyCheckerTest, ChecksPicturesAsBytes) {
  const SafetyChecker checker(network_, ImageProcessorFor(28));
  std::vector<at::Tensor> pictures;
  for (int i = 0; i < 4; ++i) {
    pictures.push_back((InputByFormula("bytes" + std::to_string(i), {28, 28, 3}) * 70 + 127).to(at::kByte));
  }
  const std::vector<bool> together = checker.Check(pictures);
  for (size_t i = 0; i < pictures.size(); ++i) {
    const std::vector<at::Tensor> alone = {pictures[i]};
    EXPECT_EQ(checker.Check(alone).front(), together[i]);
  }
  EXPECT_EQ(checker.memory_bytes() % 4, 0);
}

TEST(SafetyCheckerConfigTest, TakesTheOuterProjectionAndNamesWhatIsWrong) {
  const auto read = [](const char* text) {
    return ReadSafetyCheckerConfig(ConfigReader("config.json", nlohmann::json::parse(text)));
  };
  const ClipVisionConfig config = read(R"({"model_type": "clip", "projection_dim": 16, "text_config": {"x": 1},
    "vision_config": {"hidden_size": 24, "num_attention_heads": 3, "projection_dim": 512, "image_size": 28, "patch_size": 7}})");
  EXPECT_EQ(config.projection_dim, 16);
  EXPECT_EQ(config.hidden_size, 24);
  const auto problems = [&](const char* text) {
    try {
      read(text);
    } catch (const ModelError& error) {
      return error.where() + ": " + error.problems().front();
    }
    return std::string("none");
  };
  EXPECT_EQ(problems(R"({"projection_dim": 16})"), "config.json: vision_config: must be an object");
  EXPECT_EQ(problems(R"({"vision_config": {"windows": 3}})"), "config.json: vision_config: windows: unknown field");
}

}  // namespace
}  // namespace latentd::model
