#include "model/unet/unet.h"

#include <gtest/gtest.h>

#include "tests/model/layers/golden.h"

namespace latentd::model {
namespace {

class UNetParity : public testing::TestWithParam<const char*> {};

TEST_P(UNetParity, EqualsTheReferenceAtEverySizeWithMixedTimestepsAndTextLengths) {
  const Golden golden("unet/" + std::string(GetParam()) + ".safetensors");
  UNet2DConditionModel unet(ReadUNetConfig(golden.Config()), at::TensorOptions().dtype(at::kFloat));
  FillParameters(*unet);
  const Context context = {{.states = golden["short"]}, {.states = golden["long"]}};
  for (const std::string size : {"8x8", "9x7", "12x10", "5x16"}) {
    const at::Tensor out = unet->forward(golden["sample" + size], golden["timesteps"], context);
    EXPECT_LT(LargestDifference(std::string(GetParam()) + " " + size, out, golden["out" + size]), 2e-5);
  }
}

TEST_P(UNetParity, StaysNearTheReferenceInBfloat16) {
  const Golden golden("unet/" + std::string(GetParam()) + ".safetensors");
  UNet2DConditionModel unet(ReadUNetConfig(golden.Config()), at::TensorOptions().dtype(at::kBFloat16));
  FillParameters(*unet);
  const Context context = {{.states = golden["short"]}, {.states = golden["long"]}};
  const at::Tensor out = unet->forward(golden["sample9x7"], golden["timesteps"], context);
  EXPECT_EQ(out.scalar_type(), at::kBFloat16);
  EXPECT_LT(LargestDifference(std::string(GetParam()) + " bfloat16", out, golden["out9x7"]), 0.15);
}

INSTANTIATE_TEST_SUITE_P(Configurations, UNetParity, testing::Values("sd1", "sd2", "inpaint", "unusual"),
                         [](const auto& param) { return std::string(param.param); });

TEST(UNetTest, RefusesShapesThatDoNotFit) {
  const Golden golden("unet/sd1.safetensors");
  UNet2DConditionModel unet(ReadUNetConfig(golden.Config()), at::TensorOptions().dtype(at::kFloat));
  FillParameters(*unet);
  const at::Tensor sample = golden["sample8x8"];
  const at::Tensor timesteps = golden["timesteps"];
  EXPECT_THROW(unet->forward(sample.narrow(1, 0, 3), timesteps, {{golden["short"]}, {golden["long"]}}), c10::Error);
  EXPECT_THROW(unet->forward(sample, timesteps.narrow(0, 0, 2), {{golden["short"]}, {golden["long"]}}), c10::Error);
  EXPECT_THROW(unet->forward(sample, timesteps, {{golden["short"]}}), c10::Error);
}

}  // namespace
}  // namespace latentd::model
