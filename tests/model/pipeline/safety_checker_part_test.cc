#include "model/pipeline/safety_checker_part.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "model/errors.h"
#include "model/pipeline/diffusion_pipeline.h"
#include "model/pipeline/model_folder.h"
#include "tests/model/weights/test_folder.h"

namespace latentd::model {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class SafetyCheckerPartTest : public testing::Test {
 protected:
  SafetyCheckerPartTest() {
    fs::copy(fs::path(LATENTD_SOURCE_DIR) / "tests/golden/pipelines/models/tiny-safety", path(),
             fs::copy_options::recursive);
  }

  fs::path path() const { return folder_.path() / "model"; }

  void Set(const std::string& file, const std::string& field, const nlohmann::json& value) const {
    nlohmann::json document = nlohmann::json::parse(std::ifstream(path() / file));
    document[field] = value;
    std::ofstream(path() / file) << document;
  }

  std::string Problems(const OptionalParts& parts = {}) const {
    try {
      ModelFolder::Open(path(), parts);
    } catch (const ModelError& error) {
      return error.what();
    }
    return "";
  }

  const TestFolder folder_;
};

TEST_F(SafetyCheckerPartTest, IsLoadedWithTheModelUnlessItIsNotWanted) {
  const ModelFolder with = ModelFolder::Open(path());
  EXPECT_TRUE(with.has_safety_checker);
  const DiffusionPipeline checked(with.load(at::kFloat));
  ASSERT_NE(checked.safety_checker(), nullptr);
  EXPECT_EQ(checked.safety_checker()->processor(), ImageProcessorFor(28));

  const ModelFolder without = ModelFolder::Open(path(), {.safety_checker = false});
  EXPECT_FALSE(without.has_safety_checker);
  const DiffusionPipeline unchecked(without.load(at::kFloat));
  EXPECT_EQ(unchecked.safety_checker(), nullptr);
  EXPECT_EQ(checked.memory_bytes() - unchecked.memory_bytes(), checked.safety_checker()->memory_bytes());
  EXPECT_EQ(4 * (with.parameters - without.parameters), checked.safety_checker()->memory_bytes());
}

TEST_F(SafetyCheckerPartTest, OneThatIsNamedAndMissingIsAnErrorUnlessItIsNotWanted) {
  fs::remove_all(path() / "safety_checker");
  EXPECT_THAT(Problems(), HasSubstr("safety_checker/config.json: cannot be read"));
  EXPECT_EQ(Problems({.safety_checker = false}), "");
  Set("model_index.json", "safety_checker", {nullptr, nullptr});
  EXPECT_EQ(Problems(), "");
}

TEST_F(SafetyCheckerPartTest, ItsFaultsAreNamed) {
  Set("feature_extractor/preprocessor_config.json", "crop_size", 27);
  EXPECT_THAT(Problems(), HasSubstr("crop_size must be the image_size of safety_checker/config.json, 28"));
  Set("feature_extractor/preprocessor_config.json", "do_resize", false);
  EXPECT_THAT(Problems(), HasSubstr("feature_extractor/preprocessor_config.json: do_resize: false is not supported"));
  Set("safety_checker/config.json", "projection_dim", 17);
  EXPECT_THAT(Problems(), HasSubstr("concept_embeds"));
  Set("model_index.json", "safety_checker", {"transformers", "SomeOtherChecker"});
  EXPECT_THAT(Problems(), HasSubstr("safety_checker: [\"transformers\",\"SomeOtherChecker\"]"));
}

}  // namespace
}  // namespace latentd::model
