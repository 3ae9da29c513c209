#include "server/engine/find_models.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>
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

const std::string kGoldenModels = LATENTD_SOURCE_DIR "/tests/golden/pipelines/models/";

// A copy of the golden model of that name, changed, as it is described.
core::ModelInfo Golden(const std::string& name, const std::function<void(const fs::path& copy)>& change = {}) {
  const model::TestFolder folder;
  fs::copy(kGoldenModels + name, folder.path() / "tiny", fs::copy_options::recursive);
  if (change) change(folder.path() / "tiny");
  const auto models = FindModels(folder.path(), at::TensorOptions().dtype(at::kFloat));
  return models.value().at(0).info;
}

// Replaces `from` by `to` in model_index.json.
auto InIndex(const std::string& from, const std::string& to) {
  return [=](const fs::path& copy) {
    std::stringstream text;
    text << std::ifstream(copy / "model_index.json").rdbuf();
    std::string index = text.str();
    ASSERT_NE(index.find(from), std::string::npos);
    std::ofstream(copy / "model_index.json") << index.replace(index.find(from), from.size(), to);
  };
}

TEST(FindModels, ALatentConsistencyModelTakesItsPipelinesDefaults) {
  const core::ModelInfo info = Golden("tiny-lcm");
  EXPECT_TRUE(info.error.ok()) << info.error;
  EXPECT_EQ(info.default_sampler, "lcm");
  EXPECT_EQ(info.default_steps, 4);
  EXPECT_EQ(info.default_guidance_scale, 8.5);
  EXPECT_TRUE(info.embeds_guidance);
  for (const core::SamplerInfo& sampler : info.samplers) {
    EXPECT_EQ(sampler.shortened_by_strength, sampler.name == "lcm" || sampler.name == "tcd") << sampler.name;
  }
  EXPECT_FALSE(Golden("tiny-epsilon").embeds_guidance);
}

TEST(FindModels, AStableDiffusionPipelineMayHoldALatentConsistencyModel) {
  const core::ModelInfo info = Golden("tiny-lcm-sd");
  EXPECT_TRUE(info.error.ok()) << info.error;
  EXPECT_EQ(info.default_steps, 4);
  EXPECT_TRUE(info.embeds_guidance);
  const auto lcm = std::find_if(info.samplers.begin(), info.samplers.end(),
                                [](const core::SamplerInfo& each) { return each.name == "lcm"; });
  ASSERT_NE(lcm, info.samplers.end());
  EXPECT_FALSE(lcm->shortened_by_strength);
  EXPECT_EQ(lcm->max_steps, 40);
}

TEST(FindModels, ALatentConsistencyPipelineNeedsAUNetThatEmbedsTheGuidance) {
  const core::ModelInfo info =
      Golden("tiny-epsilon", InIndex("StableDiffusionPipeline", "LatentConsistencyModelPipeline"));
  EXPECT_THAT(std::string(info.error.message()), testing::HasSubstr("time_cond_proj_dim"));
}

TEST(FindModels, ADecoderForPreviewsIsCheckedAndCountsAsMemory) {
  const auto without = [](const fs::path& copy) { fs::remove_all(copy / "taesd"); };
  const auto cut = [](const fs::path& copy) {
    fs::resize_file(copy / "taesd/diffusion_pytorch_model.safetensors", 100);
  };
  EXPECT_GT(Golden("tiny-lcm").memory_bytes, Golden("tiny-lcm", without).memory_bytes);
  EXPECT_THAT(std::string(Golden("tiny-lcm", cut).error.message()), testing::HasSubstr("taesd"));
}

TEST(FindModels, ADecoderForPreviewsOfOtherLatentsIsRefusedWhenTheModelIsLoaded) {
  const model::TestFolder folder;
  fs::copy(kGoldenModels + "tiny-ddpm", folder.path() / "tiny", fs::copy_options::recursive);
  fs::copy(kGoldenModels + "tiny-lcm/taesd", folder.path() / "tiny/taesd", fs::copy_options::recursive);
  const auto models = FindModels(folder.path(), at::TensorOptions().dtype(at::kFloat));
  EXPECT_TRUE(models.value().at(0).info.error.ok());
  EXPECT_THAT(model::ProblemsOf([&] { models.value().at(0).load(); }),
              testing::ElementsAre("config.json: latent_channels: 4, and the model's latents have 3"));
}

TEST(FindModels, AnAutoencoderOfAnotherClassIsNamed) {
  const core::ModelInfo info = Golden("tiny-epsilon", InIndex("AutoencoderKL", "AsymmetricAutoencoderKL"));
  EXPECT_THAT(std::string(info.error.message()),
              testing::AllOf(testing::HasSubstr("AsymmetricAutoencoderKL"), testing::HasSubstr("AutoencoderTiny")));
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
    const bool takes_text = model.info.architecture.starts_with("stable-diffusion");  // others have no such syntax
    ASSERT_EQ(model.info.prompt_fault != nullptr, takes_text) << model.info.name;
    if (!takes_text) continue;
    EXPECT_EQ(model.info.prompt_fault("a (red:1.3) apple"), "");
    EXPECT_THAT(model.info.prompt_fault("a (red apple"), testing::HasSubstr("character 3"));
    ++texts;
  }
  EXPECT_GE(texts, 3);
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
