#include "model/pipeline/original_configs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <nlohmann/json.hpp>

#include "model/weights/original_checkpoint.h"
#include "tests/model/weights/original_table.h"
#include "tests/model/weights/shape_source.h"
#include "tests/model/weights/test_folder.h"

namespace latentd::model {
namespace {

using nlohmann::json;
using testing::UnorderedElementsAre;

class OriginalConfigs : public testing::TestWithParam<std::string> {};

TEST_P(OriginalConfigs, AreThoseOfThePublishedCheckpoints) {
  const std::string system = GetParam();
  std::ifstream file(OriginalTables() + "/configs.json");
  const json expected = json::parse(file).at(system);
  const OriginalCheckpoint checkpoint =
      SplitOriginalCheckpoint(std::make_shared<ShapeSource>(OriginalTable::Read(system).tensors), system);
  for (const auto& [part, config] : expected.items()) {
    const OriginalCheckpoint::Part& tensors = checkpoint.parts.at(part);
    const json made = part == "unet"  ? OriginalUNetConfig(*tensors.tensors, system, config["sample_size"])
                      : part == "vae" ? OriginalVaeConfig(*tensors.tensors, system, config["sample_size"])
                                      : OriginalTextConfig(*tensors.tensors, IsOpenClip(tensors));
    EXPECT_EQ(made.dump(1), config.dump(1)) << part;
  }
}

INSTANTIATE_TEST_SUITE_P(All, OriginalConfigs,
                         testing::Values("stable-diffusion-1", "stable-diffusion-2", "stable-diffusion-xl",
                                         "stable-diffusion-xl-refiner"),
                         [](const testing::TestParamInfo<std::string>& system) {
                           std::string name = system.param;
                           std::replace(name.begin(), name.end(), '-', '_');
                           return name;
                         });

TEST(OriginalConfigsTest, NameTheTensorsThatTheyMiss) {
  const ShapeSource none({});
  EXPECT_THAT(ProblemsOf([&] { OriginalUNetConfig(none, "stable-diffusion-1", 64); }),
              UnorderedElementsAre("conv_in.weight: is missing", "conv_out.weight: is missing",
                                   "mid_block.attentions.0.proj_in.weight: is missing",
                                   "mid_block.attentions.0.transformer_blocks.0.attn2.to_k.weight: is missing"));
  EXPECT_THAT(ProblemsOf([&] { OriginalVaeConfig(none, "stable-diffusion-1", 512); }),
              UnorderedElementsAre("encoder.conv_in.weight: is missing", "decoder.conv_out.weight: is missing",
                                   "decoder.conv_in.weight: is missing"));
  const ShapeSource flat({{"encoder.conv_in.weight", {.dtype = at::kHalf, .shape = {128}}}});
  EXPECT_THAT(ProblemsOf([&] { OriginalVaeConfig(flat, "stable-diffusion-1", 512); }),
              testing::Contains("encoder.conv_in.weight: has fewer than 4 dimensions"));
}

}  // namespace
}  // namespace latentd::model
