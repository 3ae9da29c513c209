#include "server/engine/find_models.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <string>

#include "tests/model/weights/test_folder.h"

namespace latentd::engine {
namespace {

namespace fs = std::filesystem;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Pair;

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

// name: architecture of those that serve, the error of the others.
std::map<std::string, std::string> Found(const model::TestFolder& folder) {
  std::map<std::string, std::string> found;
  const auto models = FindModels(folder.path(), at::TensorOptions().dtype(at::kFloat));
  for (const ModelEntry& model : models.value()) {
    const bool broken = model.info.state == core::ModelState::kBroken;
    found[model.info.name] = broken ? std::string(model.info.error.message())
                                    : model.info.architecture + (model.info.one_file ? " (one file)" : "");
  }
  return found;
}

const std::string kGoldenModels = LATENTD_SOURCE_DIR "/tests/golden/pipelines/models/";

TEST(FindModels, FilesAreModelsNamedWithoutTheirExtension) {
  const model::TestFolder folder;
  fs::copy(kGoldenModels + "one-file-sd1.safetensors", folder.path() / "v1.5 pruned.safetensors");
  fs::copy(kGoldenModels + "one-file-sd2-v.safetensors", folder.path() / "same.safetensors");
  fs::copy(kGoldenModels + "tiny-v", folder.path() / "same", fs::copy_options::recursive);
  folder.Write("notes.txt", "not a model");
  EXPECT_THAT(Found(folder),
              ElementsAre(Pair("same", "stable-diffusion"), Pair("same.safetensors", "stable-diffusion-2 (one file)"),
                          Pair("v1.5 pruned", "stable-diffusion-1 (one file)")));
}

TEST(FindModels, FilesThatAreNoModelsSayWhatTheyAre) {
  const model::TestFolder folder;
  folder.Write(
      "style.safetensors",
      model::SafetensorsBytes(
          R"({"lora_unet_mid_block_x.lora_down.weight":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", "abcd"));
  folder.Write("cut.safetensors", "abcdefghijklmnop");
  EXPECT_THAT(Found(folder),
              ElementsAre(Pair("cut", HasSubstr("header")), Pair("style", HasSubstr("is a LoRA, not a model"))));
}

TEST(FindModels, PickledCheckpointsSayHowToConvertThemUntilTheyAre) {
  const model::TestFolder folder;
  folder.Write("old.ckpt", "PK");
  folder.Write("older.pt", "PK");
  folder.Write("done.ckpt", "PK");
  fs::copy(kGoldenModels + "one-file-sd1.safetensors", folder.path() / "done.safetensors");
  EXPECT_THAT(Found(folder), ElementsAre(Pair("done", "stable-diffusion-1 (one file)"),
                                         Pair("old", HasSubstr("convert it to safetensors with deploy/convert.py")),
                                         Pair("older", HasSubstr("deploy/convert.py"))));
}

}  // namespace
}  // namespace latentd::engine
