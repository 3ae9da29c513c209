#include "model/adapters/lora_scaling.h"

#include <gmock/gmock.h>

#include <cmath>
#include <string>

#include "tests/model/weights/test_folder.h"

namespace latentd::model {
namespace {

std::filesystem::path WriteFile(const TestFolder& folder, const std::string& metadata) {
  const nlohmann::json header = {{"__metadata__", {{"lora_adapter_metadata", metadata}}}};
  return folder.Write("lora.safetensors", SafetensorsBytes(header.dump(), ""));
}

TEST(LoraScalingTest, FilesWithoutMetadataSayNothing) {
  const TestFolder folder;
  const auto file = folder.Write("lora.safetensors", SafetensorsBytes("{}", ""));
  EXPECT_EQ(LoraScaling::FromFile(file).ScaleOf("unet", "conv_in", 4), std::nullopt);
}

TEST(LoraScalingTest, EachNetworkHasItsOwn) {
  const TestFolder folder;
  const auto scaling = LoraScaling::FromFile(WriteFile(folder, R"({"unet.lora_alpha": 6, "text_encoder.lora_alpha": 2,
                                                                   "text_encoder.use_rslora": true})"));
  EXPECT_EQ(scaling.ScaleOf("unet", "conv_in", 4), 1.5);
  EXPECT_EQ(scaling.ScaleOf("text_encoder", "q_proj", 2), 2 / std::sqrt(2.0));
  EXPECT_EQ(scaling.ScaleOf("text_encoder_2", "q_proj", 4), std::nullopt);
}

TEST(LoraScalingTest, PatternsAreTheEndsOfNames) {
  const TestFolder folder;
  const auto scaling = LoraScaling::FromFile(
      WriteFile(folder, R"({"lora_alpha": 4, "alpha_pattern": {"attn1.to_q": 8, "^conv_in": 2}})"));
  EXPECT_EQ(scaling.ScaleOf("unet", "mid_block.attn1.to_q", 4), 2);
  EXPECT_EQ(scaling.ScaleOf("unet", "mid_block.xattn1.to_q", 4), 1);
  EXPECT_EQ(scaling.ScaleOf("unet", "conv_in", 4), 0.5);
  EXPECT_EQ(scaling.ScaleOf("unet", "block.conv_in", 4), 1);
}

TEST(LoraScalingTest, NamesEveryFieldThatCannotBeRead) {
  const TestFolder folder;
  EXPECT_THAT(ProblemsOf([&] { LoraScaling::FromFile(WriteFile(folder, "[1]")); }),
              testing::ElementsAre("lora_adapter_metadata: is not a JSON object"));
  EXPECT_THAT(ProblemsOf([&] { LoraScaling::FromFile(WriteFile(folder, "{")); }),
              testing::ElementsAre("lora_adapter_metadata: is not a JSON object"));
  EXPECT_THAT(ProblemsOf([&] {
                LoraScaling::FromFile(WriteFile(folder, R"({"unet.lora_alpha": "4", "unet.use_rslora": 1,
                                                    "unet.alpha_pattern": {"a.*": 1, "b": "2"}, "x.alpha_pattern": 3})"));
              }),
              testing::UnorderedElementsAre(
                  "lora_adapter_metadata: unet.lora_alpha: is not a number",
                  "lora_adapter_metadata: unet.use_rslora: is not true or false",
                  "lora_adapter_metadata: unet.alpha_pattern: 'a.*' is a regular expression, which is not supported",
                  "lora_adapter_metadata: unet.alpha_pattern: 'b' is not given a number",
                  "lora_adapter_metadata: x.alpha_pattern: is not an object"));
}

}  // namespace
}  // namespace latentd::model
