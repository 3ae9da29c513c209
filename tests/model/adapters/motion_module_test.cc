// Files of motion modules, and LoRAs of them.

#include "model/adapters/motion_module.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "model/pipeline/diffusion_pipeline.h"
#include "model/pipeline/model_folder.h"
#include "model/weights/key_maps/motion_keys.h"
#include "tests/model/layers/golden.h"
#include "tests/model/weights/test_folder.h"

namespace latentd::model {
namespace {

namespace fs = std::filesystem;
using testing::Contains;
using testing::HasSubstr;

const fs::path kPipelines = fs::path(LATENTD_SOURCE_DIR) / "tests/golden/pipelines";
const fs::path kFolderFile = "diffusion_pytorch_model.safetensors";

UNetConfig ConfigOf(const std::string& model) {
  return ReadUNetConfig(ConfigReader::FromFile(kPipelines / "models" / model / "unet/config.json"));
}

std::shared_ptr<const MotionModule> Read(const fs::path& file, const std::string& model = "tiny-epsilon") {
  return ReadMotionModule(file, ConfigOf(model), at::TensorOptions().dtype(at::kFloat));
}

fs::path Adapter(const std::string& name) { return kPipelines / "adapters" / name; }

std::string ReadAll(const fs::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
}

// A copy of a folder of motion modules whose configuration `change` has changed.
template <typename Change>
std::vector<std::string> ProblemsWith(const Change& change) {
  const TestFolder folder;
  folder.Write(kFolderFile, ReadAll(Adapter("motion-v2") / kFolderFile));
  nlohmann::json config = nlohmann::json::parse(ReadAll(Adapter("motion-v2") / "config.json"));
  change(config);
  folder.Write("config.json", config.dump());
  return ProblemsOf([&] { Read(folder.path() / kFolderFile); });
}

TEST(MotionModule, ReadsEveryVersionInEitherLayout) {
  const auto v1 = Read(Adapter("motion-v1") / kFolderFile);
  EXPECT_EQ(v1->network().config().known_frames, 24);
  EXPECT_FALSE(v1->network().config().has_mid_block);
  const auto v2 = Read(Adapter("motion-v2") / kFolderFile);
  EXPECT_EQ(v2->network().config().known_frames, 32);
  EXPECT_TRUE(v2->network().config().has_mid_block);
  EXPECT_EQ(v2->network().config().heads, (std::vector<int64_t>{2, 4}));
  const auto v3 = Read(Adapter("motion-v3.safetensors"));
  EXPECT_EQ(v3->network().config().known_frames, 32);
  EXPECT_FALSE(v3->network().config().has_mid_block);
  EXPECT_EQ(v3->network().config().heads, (std::vector<int64_t>{8, 8}));
  for (const auto& item : v3->network().named_buffers()) {
    EXPECT_TRUE(SameBytes(item.value(), FramePositions(32, item.value().size(2)))) << item.key();
  }
  EXPECT_GT(v2->memory_bytes(), v1->memory_bytes());
  EXPECT_GT(v1->memory_bytes(), 4 * 150'000);
}

TEST(MotionModule, AFolderWithoutConfigurationIsToldByItsTensors) {
  const TestFolder folder;
  folder.Write(kFolderFile, ReadAll(Adapter("motion-v1") / kFolderFile));
  const auto read = Read(folder.path() / kFolderFile);
  EXPECT_EQ(read->network().config().known_frames, 24);
  EXPECT_EQ(read->network().config().heads, (std::vector<int64_t>{8, 8}));
}

TEST(MotionModule, OneForAnotherUNetSaysHowItDiffers) {
  const auto folder = ProblemsOf([&] { Read(Adapter("motion-v1") / kFolderFile, "tiny-sample"); });
  EXPECT_THAT(folder, Contains(HasSubstr("block_out_channels: is [16,32]; the model's U-Net has [16,32,32]")));
  const auto file = ProblemsOf([&] { Read(Adapter("motion-v3.safetensors"), "tiny-sample"); });
  EXPECT_THAT(file, Contains(HasSubstr("down_blocks.2.motion_modules.0.norm.weight: is missing")));
  EXPECT_THAT(file, Contains(HasSubstr("down_blocks.0.motion_modules.1.norm.weight: is unexpected")));
}

TEST(MotionModule, ConfigurationsThatAskForMoreAreRefused) {
  EXPECT_THAT(ProblemsWith([](auto& config) {
                config["motion_transformer_layers_per_block"] = {1, 2};
              }),
              Contains(HasSubstr("motion_transformer_layers_per_block")));
  EXPECT_THAT(ProblemsWith([](auto& config) { config["conv_in_channels"] = 9; }),
              Contains(HasSubstr("conv_in_channels")));
  EXPECT_THAT(ProblemsWith([](auto& config) { config["motion_rotary"] = true; }), Contains(HasSubstr("motion_rotary")));
  EXPECT_THAT(ProblemsWith([](auto& config) { config["motion_num_attention_heads"] = 5; }),
              Contains(HasSubstr("5 heads do not divide the 16 channels")));
  EXPECT_THAT(ProblemsWith([](auto& config) { config["motion_num_attention_heads"] = 0; }),
              Contains(HasSubstr("0 heads")));
  EXPECT_THAT(ProblemsWith([](auto& config) { config["motion_max_seq_length"] = 24; }),
              Contains(HasSubstr("pos_embed.pe: has shape [1, 32, 16] instead of [1, 24, 16]")));
  EXPECT_THAT(ProblemsWith([](auto& config) { config["motion_max_seq_length"] = 0; }),
              Contains(HasSubstr("motion_max_seq_length")));
  EXPECT_THAT(ProblemsWith([](auto& config) { config["use_motion_mid_block"] = false; }),
              Contains(HasSubstr("mid_block.motion_modules.0.norm.weight: is unexpected")));
}

TEST(MotionModule, AFileOfSomethingElseIsRefused) {
  EXPECT_THAT(ProblemsOf([] { Read(Adapter("motion-lora.safetensors")); }), Contains(HasSubstr("has no positions")));
}

TEST(MotionModule, ModelsWithoutTextTakeNone) {
  const ModelFolder folder = ModelFolder::Open(kPipelines / "models/tiny-ddpm");
  const DiffusionPipeline model(folder.load(at::TensorOptions().dtype(at::kFloat)));
  EXPECT_EQ(ProblemsOf([&] { model.LoadMotion(Adapter("motion-v3.safetensors")); }),
            std::vector<std::string>{"this model takes no motion modules"});
}

TEST(MotionLayers, AreThoseOfTheModulesInTheSameOrder) {
  const auto layers = MotionLayers(ConfigOf("tiny-epsilon"), at::TensorOptions().dtype(at::kFloat));
  for (const fs::path& file : {Adapter("motion-v1") / kFolderFile, Adapter("motion-v2") / kFolderFile}) {
    const auto read = Read(file);
    const auto& own = read->layers().layers();
    ASSERT_LE(own.size(), layers->layers().size());
    for (size_t i = 0; i < own.size(); ++i) {
      EXPECT_EQ(own[i].name, layers->layers()[i].name);
      EXPECT_EQ(own[i].layer->BaseWeight().sizes(), layers->layers()[i].layer->BaseWeight().sizes());
    }
  }
  EXPECT_EQ(Read(Adapter("motion-v2") / kFolderFile)->layers().layers().size(), layers->layers().size());
}

TEST(MotionLoras, ChangeTheModulesWhicheverWayTheirTensorsAreCalled) {
  const ModelFolder folder = ModelFolder::Open(kPipelines / "models/tiny-epsilon");
  const DiffusionPipeline model(folder.load(at::TensorOptions().dtype(at::kFloat)));
  const auto with_middle = model.LoadLora(Adapter("motion-lora.safetensors"));
  EXPECT_EQ(with_middle->Changes(kMotionNetwork).size(), 11u * 8);
  EXPECT_TRUE(with_middle->Changes("unet").empty());
  const auto original = model.LoadLora(Adapter("motion-lora-original.safetensors"));
  EXPECT_EQ(original->Changes(kMotionNetwork).size(), 10u * 8);
  const auto domain = model.LoadLora(Adapter("motion-domain.safetensors"));
  EXPECT_TRUE(domain->Changes(kMotionNetwork).empty());
  EXPECT_GE(domain->Changes("unet").size(), 8u);
  EXPECT_FALSE(with_middle->changes_text());
}

TEST(MotionKeys, TellAnimateDiffsNamesAndBack) {
  const TensorInfo matrix{.dtype = at::kFloat, .shape = {4, 4}};
  const auto renamed = [&](const std::string& name) { return MotionKeys(name, matrix).at(0).name; };
  const std::string module = "up_blocks.1.motion_modules.2.";
  const std::string block = module + "temporal_transformer.transformer_blocks.0.";
  EXPECT_EQ(renamed(module + "temporal_transformer.proj_in.weight"), module + "proj_in.weight");
  EXPECT_EQ(renamed(block + "attention_blocks.1.to_out.0.bias"), module + "transformer_blocks.0.attn2.to_out.0.bias");
  EXPECT_EQ(renamed(block + "norms.0.weight"), module + "transformer_blocks.0.norm1.weight");
  EXPECT_EQ(renamed(block + "ff_norm.weight"), module + "transformer_blocks.0.norm3.weight");
  EXPECT_EQ(renamed(block + "ff.net.0.proj.weight"), module + "transformer_blocks.0.ff.net.0.proj.weight");
  EXPECT_EQ(renamed(block + "attention_blocks.0.pos_encoder.pe"), module + "transformer_blocks.0.pos_embed.pe");
  EXPECT_TRUE(MotionKeys(block + "attention_blocks.1.pos_encoder.pe", matrix).empty());
  EXPECT_EQ(OriginalMotionLayer(module + "transformer_blocks.0.attn2.to_out.0"), block + "attention_blocks.1.to_out.0");
  EXPECT_EQ(OriginalMotionLayer(module + "proj_out"), module + "temporal_transformer.proj_out");
  EXPECT_EQ(OriginalMotionLayer("mid_block.attentions.0.proj_in"), "mid_block.attentions.0.proj_in");
  EXPECT_EQ(renamed(module + "transformer_blocks.0.attn1.to_q.weight"),
            module + "transformer_blocks.0.attn1.to_q.weight");
}

}  // namespace
}  // namespace latentd::model
