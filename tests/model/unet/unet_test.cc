#include "model/unet/unet.h"

#include <ATen/ops/arange.h>
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "tests/model/layers/golden.h"

namespace latentd::model {
namespace {

AddedConditions Added(const Golden& golden) {
  AddedConditions added;
  if (golden.Has("pooled")) added = {.pooled = golden["pooled"], .numbers = golden["numbers"]};
  if (golden.Has("guidance")) added.guidance = golden["guidance"];
  if (golden.Has("labels")) added.class_labels = golden["labels"];
  return added;
}

class UNetParity : public testing::TestWithParam<const char*> {};

TEST_P(UNetParity, EqualsTheReferenceAtEverySizeWithMixedTimestepsAndTextLengths) {
  const Golden golden("unet/" + std::string(GetParam()) + ".safetensors");
  UNet2DConditionModel unet(ReadUNetConfig(golden.Config()), at::TensorOptions().dtype(at::kFloat));
  FillParameters(*unet);
  const Context context = {{.states = golden["short"]}, {.states = golden["long"]}};
  for (const std::string size : {"8x8", "9x7", "12x10", "5x16"}) {
    const at::Tensor out = unet->forward(golden["sample" + size], golden["timesteps"], context, Added(golden));
    EXPECT_LT(LargestDifference(std::string(GetParam()) + " " + size, out, golden["out" + size]), 2e-5);
  }
}

TEST_P(UNetParity, StaysNearTheReferenceInBfloat16) {
  const Golden golden("unet/" + std::string(GetParam()) + ".safetensors");
  UNet2DConditionModel unet(ReadUNetConfig(golden.Config()), at::TensorOptions().dtype(at::kBFloat16));
  FillParameters(*unet);
  const Context context = {{.states = golden["short"]}, {.states = golden["long"]}};
  const at::Tensor out = unet->forward(golden["sample9x7"], golden["timesteps"], context, Added(golden));
  EXPECT_EQ(out.scalar_type(), at::kBFloat16);
  EXPECT_LT(LargestDifference(std::string(GetParam()) + " bfloat16", out, golden["out9x7"]), 0.15);
}

TEST_P(UNetParity, ALaneDependsOnNothingButItself) {
  const Golden golden("unet/" + std::string(GetParam()) + ".safetensors");
  UNet2DConditionModel unet(ReadUNetConfig(golden.Config()), at::TensorOptions().dtype(at::kFloat));
  FillParameters(*unet);
  const int64_t features = unet->config().levels.back().context_features;
  const at::Tensor timesteps = at::arange(16, at::kFloat) * 61.5 + 3;
  const at::Tensor text = InputByFormula("text", {16, 7, features});
  AddedConditions added;
  if (golden.Has("pooled")) {
    added.pooled = InputByFormula("pooled", {16, golden["pooled"].size(1)});
    added.numbers = (InputByFormula("numbers", {16, golden["numbers"].size(1)}) * 500 + 900).round();
  }
  if (const int64_t width = unet->config().guidance_features; width > 0) {
    added.guidance = InputByFormula("guidance", {16, width});
  }
  if (const int64_t classes = unet->config().classes; classes > 0) {
    added.class_labels = at::arange(16, at::kLong) * 5 % classes;
  }
  const auto added_of = [&](int64_t first, int64_t count) {
    AddedConditions part = added;
    for (at::Tensor* each : {&part.pooled, &part.numbers, &part.guidance, &part.class_labels}) {
      if (each->defined()) *each = each->narrow(0, first, count);
    }
    return part;
  };
  // The largest is big enough for Winograd's method on the first level.
  for (const auto& [height, width] : {std::array<int64_t, 2>{9, 7}, {5, 4}, {1, 1}, {17, 16}}) {
    if (height == 1 && unet->config().downsample_padding == 0) continue;  // nothing is left of it on the second level
    const at::Tensor sample = InputByFormula("sample", {16, unet->config().in_channels, height, width});
    const auto run = [&](int64_t first, int64_t count) {
      return unet->forward(sample.narrow(0, first, count), timesteps.narrow(0, first, count),
                           {{text.narrow(0, first, count)}}, added_of(first, count));
    };
    const at::Tensor all = run(0, 16);
    for (const int64_t count : {1, 2, 3, 4, 5, 7, 8}) {
      EXPECT_TRUE(SameBytes(run(0, count), all.narrow(0, 0, count)))
          << height << "x" << width << ", batch of " << count;
    }
    EXPECT_TRUE(SameBytes(run(13, 1), all.narrow(0, 13, 1))) << height << "x" << width << ", alone";
    // Beside lanes with another length of text.
    const at::Tensor longer = InputByFormula("longer", {2, 9, features});
    const at::Tensor mixed = unet->forward(sample.narrow(0, 0, 5), timesteps.narrow(0, 0, 5),
                                           {{longer}, {text.narrow(0, 2, 3)}}, added_of(0, 5));
    EXPECT_TRUE(SameBytes(mixed.narrow(0, 2, 3), all.narrow(0, 2, 3))) << height << "x" << width << ", mixed lengths";
  }
}

INSTANTIATE_TEST_SUITE_P(Configurations, UNetParity,
                         testing::Values("sd1", "sd2", "inpaint", "lcm", "xl", "xl_refiner", "upscaler", "unusual"),
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
  const Context context = {{golden["short"]}, {golden["long"]}};
  EXPECT_THROW(unet->forward(sample, timesteps, context, {.guidance = InputByFormula("guidance", {4, 10})}),
               c10::Error);
  EXPECT_THROW(unet->forward(sample, timesteps, context, {.class_labels = at::arange(4, at::kLong)}), c10::Error);
}

TEST(UNetTest, RefusesAGuidanceThatDoesNotFit) {
  const Golden golden("unet/lcm.safetensors");
  UNet2DConditionModel unet(ReadUNetConfig(golden.Config()), at::TensorOptions().dtype(at::kFloat));
  FillParameters(*unet);
  const Context context = {{golden["short"]}, {golden["long"]}};
  const at::Tensor guidance = golden["guidance"];
  for (const at::Tensor& wrong : {at::Tensor(), guidance.narrow(0, 0, 3), guidance.narrow(1, 0, 9)}) {
    EXPECT_THROW(unet->forward(golden["sample8x8"], golden["timesteps"], context, {.guidance = wrong}), c10::Error);
  }
}

TEST(UNetTest, RefusesAddedConditionsThatDoNotFit) {
  const auto make = [](const Golden& golden) {
    UNet2DConditionModel unet(ReadUNetConfig(golden.Config()), at::TensorOptions().dtype(at::kFloat));
    FillParameters(*unet);
    return unet;
  };
  const Golden golden("unet/xl.safetensors");
  const auto run = [](const UNet2DConditionModel& unet, const Golden& with, const AddedConditions& added) {
    unet->forward(with["sample8x8"], with["timesteps"], {{with["short"]}, {with["long"]}}, added);
  };
  const UNet2DConditionModel unet = make(golden);
  const at::Tensor pooled = golden["pooled"];
  const at::Tensor numbers = golden["numbers"];
  EXPECT_THROW(run(unet, golden, {}), c10::Error);
  EXPECT_THROW(run(unet, golden, {.pooled = pooled, .numbers = numbers.narrow(1, 0, 5)}), c10::Error);
  EXPECT_THROW(run(unet, golden, {.pooled = pooled.narrow(0, 0, 3), .numbers = numbers}), c10::Error);
  const Golden without("unet/sd1.safetensors");
  EXPECT_THROW(run(make(without), without, {.pooled = pooled, .numbers = numbers}), c10::Error);
}

TEST(UNetTest, RefusesClassesThatItDoesNotHave) {
  const Golden golden("unet/upscaler.safetensors");
  UNet2DConditionModel unet(ReadUNetConfig(golden.Config()), at::TensorOptions().dtype(at::kFloat));
  FillParameters(*unet);
  const Context context = {{golden["short"]}, {golden["long"]}};
  const at::Tensor labels = golden["labels"];
  const auto run = [&](const at::Tensor& classes) {
    return unet->forward(golden["sample8x8"], golden["timesteps"], context, {.class_labels = classes});
  };
  EXPECT_THROW(run({}), c10::Error);
  EXPECT_THROW(run(labels.narrow(0, 0, 3)), c10::Error);
  EXPECT_THROW(run(labels + unet->config().classes), c10::Error);
  EXPECT_THROW(run(labels - unet->config().classes), c10::Error);
  EXPECT_THROW(run(labels.to(at::kFloat)), c10::Error);
}

}  // namespace
}  // namespace latentd::model
