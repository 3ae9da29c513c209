#include "model/weights/open_component.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/model/weights/test_folder.h"

namespace latentd::model {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;

// A file or an index whose only tensor is called `name`.
std::string File(const std::string& name) {
  return SafetensorsBytes("{\"" + name + R"(":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", "x");
}
std::string Index(const std::string& name, const std::string& file) {
  return R"({"weight_map":{")" + name + R"(":")" + file + "\"}}";
}

std::string OpenedTensor(const TestFolder& folder) { return OpenComponent(folder.path())->tensors().begin()->first; }

TEST(OpenComponentTest, PrefersFullPrecisionAndTakesAVariantWithoutIt) {
  const TestFolder folder;
  folder.Write("diffusion_pytorch_model.bf16.safetensors", File("bf16"));
  EXPECT_EQ(OpenedTensor(folder), "bf16");
  folder.Write("diffusion_pytorch_model.fp16.safetensors", File("fp16"));
  EXPECT_EQ(OpenedTensor(folder), "fp16");
  folder.Write("diffusion_pytorch_model.safetensors", File("full"));
  EXPECT_EQ(OpenedTensor(folder), "full");
}

TEST(OpenComponentTest, OpensWhatTransformersWrites) {
  const TestFolder folder;
  folder.Write("model.fp16.safetensors", File("fp16"));
  EXPECT_EQ(OpenedTensor(folder), "fp16");
  folder.Write("model.safetensors", File("full"));
  EXPECT_EQ(OpenedTensor(folder), "full");
}

TEST(OpenComponentTest, OpensShardsAndTheirVariants) {
  const TestFolder folder;
  folder.Write("diffusion_pytorch_model.fp16-00001-of-00001.safetensors", File("fp16"));
  folder.Write("diffusion_pytorch_model.safetensors.index.fp16.json",
               Index("fp16", "diffusion_pytorch_model.fp16-00001-of-00001.safetensors"));
  EXPECT_EQ(OpenedTensor(folder), "fp16");
  folder.Write("diffusion_pytorch_model-00001-of-00001.safetensors", File("full"));
  folder.Write("diffusion_pytorch_model.safetensors.index.json",
               Index("full", "diffusion_pytorch_model-00001-of-00001.safetensors"));
  EXPECT_EQ(OpenedTensor(folder), "full");
  EXPECT_THAT(OpenComponent(folder.path())->where(), EndsWith("index.json"));
}

TEST(OpenComponentTest, NamesTheConverterWhenThereAreOnlyPickles) {
  const TestFolder folder;
  folder.Write("diffusion_pytorch_model.bin", "");
  folder.Write("config.json", "{}");
  EXPECT_THAT(ProblemsOf([&] { OpenComponent(folder.path()); }),
              ElementsAre(testing::AllOf(HasSubstr("'diffusion_pytorch_model.bin'"), HasSubstr("deploy/convert.py"))));
}

TEST(OpenComponentTest, SaysWhatItLookedForInAFolderWithoutWeights) {
  const TestFolder folder;
  EXPECT_THAT(ProblemsOf([&] { OpenComponent(folder.path()); }),
              ElementsAre(HasSubstr("diffusion_pytorch_model.safetensors")));
  EXPECT_THAT(ProblemsOf([&] { OpenComponent(folder.path() / "unet"); }), ElementsAre(HasSubstr("is missing")));
}

TEST(OpenComponentTest, DoesNotFallBackFromABrokenFileToAVariant) {
  const TestFolder folder;
  folder.Write("diffusion_pytorch_model.safetensors", "broken");
  folder.Write("diffusion_pytorch_model.fp16.safetensors", File("fp16"));
  EXPECT_THAT(ProblemsOf([&] { OpenComponent(folder.path()); }), ElementsAre(HasSubstr("too short")));
}

}  // namespace
}  // namespace latentd::model
