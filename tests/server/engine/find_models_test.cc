#include "server/engine/find_models.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <string>

#include "tests/model/weights/test_folder.h"

namespace latentd::engine {
namespace {

namespace fs = std::filesystem;

// What a model with this sampler configuration says of one of its samplers.
core::SamplerInfo Find(const std::string& sampler, const std::string& scheduler_config) {
  const model::TestFolder folder;
  fs::copy(LATENTD_SOURCE_DIR "/tests/golden/pipelines/models/tiny-epsilon", folder.path() / "tiny",
           fs::copy_options::recursive);
  folder.Write("tiny/scheduler/scheduler_config.json", scheduler_config);
  const auto models = FindModels(folder.path(), at::TensorOptions());
  const core::ModelInfo& info = models.value().at(0).info;
  EXPECT_TRUE(info.error.ok()) << info.error;
  const auto found = std::find_if(info.samplers.begin(), info.samplers.end(),
                                  [&](const core::SamplerInfo& each) { return each.name == sampler; });
  return found == info.samplers.end() ? core::SamplerInfo() : *found;
}

TEST(FindModels, ASamplerThatWarmsUpSaysHowManyStepsItWants) {
  EXPECT_EQ(Find("pndm", R"({"_class_name": "PNDMScheduler", "skip_prk_steps": false})").min_steps, 4);
  EXPECT_EQ(Find("pndm", R"({"_class_name": "PNDMScheduler", "skip_prk_steps": true})").min_steps, 1);
}

TEST(FindModels, ASamplerOfDistilledModelsSaysHowManyStepsItTakes) {
  EXPECT_EQ(Find("lcm", R"({"_class_name": "DDIMScheduler"})").max_steps, 50);
  const std::string config = R"({"_class_name": "TCDScheduler", "original_inference_steps": 333})";
  EXPECT_EQ(Find("tcd", config).min_steps, 1);
  EXPECT_EQ(Find("tcd", config).max_steps, 333);
}

TEST(FindModels, OnlyDdimAndTcdTakeEta) {
  const std::string config = R"({"_class_name": "DDIMScheduler"})";
  EXPECT_TRUE(Find("ddim", config).takes_eta);
  EXPECT_TRUE(Find("tcd", config).takes_eta);
  EXPECT_FALSE(Find("euler", config).takes_eta);
}

TEST(FindModels, AModelThatTakesTextSaysWhatIsWrongWithAPrompt) {
  const auto models = FindModels(LATENTD_SOURCE_DIR "/tests/golden/pipelines/models", at::TensorOptions());
  ASSERT_TRUE(models.ok());
  int texts = 0;
  for (const ModelEntry& model : *models) {
    const bool takes_text = !model.info.Does(core::Task::kUnconditional);
    ASSERT_EQ(model.info.prompt_fault != nullptr, takes_text) << model.info.name;
    if (!takes_text) continue;
    EXPECT_EQ(model.info.prompt_fault("a (red:1.3) apple"), "");
    EXPECT_THAT(model.info.prompt_fault("a (red apple"), testing::HasSubstr("character 3"));
    ++texts;
  }
  EXPECT_GE(texts, 3);
}

}  // namespace
}  // namespace latentd::engine
