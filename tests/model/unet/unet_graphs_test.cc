#include "model/unet/unet_graphs.h"

#include <ATen/DeviceAccelerator.h>
#include <ATen/ops/arange.h>
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "tests/model/layers/golden.h"

namespace latentd::model {
namespace {

// Where there is a device that records; else on the CPU, where forwards just run.
at::Device DeviceOfTests() {
  const auto device = at::accelerator::getAccelerator();
  return device && at::accelerator::deviceCount() > 0 ? at::Device(*device, 0) : at::Device(at::kCPU);
}

class UNetGraphsTest : public testing::TestWithParam<const char*> {
 protected:
  UNetGraphsTest()
      : golden_("unet/" + std::string(GetParam()) + ".safetensors"),
        unet_(ReadUNetConfig(golden_.Config()), at::TensorOptions().dtype(at::kFloat)) {
    FillParameters(*unet_);
    unet_->to(DeviceOfTests());
  }

  // Of `lanes` lanes, different in each round.
  UNetInputs Inputs(int64_t lanes, int64_t height, int64_t width, int round) const {
    const UNetConfig& config = unet_->config();
    const std::string name = std::to_string(round);
    AddedConditions added;
    if (golden_.Has("pooled")) {
      added.pooled = InputByFormula("pooled" + name, {lanes, golden_["pooled"].size(1)});
      added.numbers = InputByFormula("numbers" + name, {lanes, golden_["numbers"].size(1)}) * 500 + 900;
    }
    if (config.guidance_features > 0) {
      added.guidance = InputByFormula("guidance" + name, {lanes, config.guidance_features});
    }
    if (config.classes > 0) added.class_labels = (at::arange(lanes, at::kLong) + round) % config.classes;
    const int64_t features = config.levels.back().context_features;
    return unet_->Prepare(InputByFormula("sample" + name, {lanes, config.in_channels, height, width}),
                          at::arange(lanes, at::kFloat) * 61.5 + 3 + round,
                          {{.states = InputByFormula("short" + name, {1, 5, features})},
                           {.states = InputByFormula("long" + name, {lanes - 1, 7, features})}},
                          added);
  }

  const Golden golden_;
  UNet2DConditionModel unet_;
};

TEST_P(UNetGraphsTest, GiveWhatTheNetworkGivesWhicheverShapesComeBetween) {
  UNetGraphs graphs(*unet_);
  for (int round = 0; round < 4; ++round) {  // run, recorded, replayed, replayed
    for (const auto& [lanes, height, width] : {std::array<int64_t, 3>{3, 8, 8}, {2, 8, 8}, {3, 9, 7}, {5, 5, 16}}) {
      const UNetInputs inputs = Inputs(lanes, height, width, round);
      const at::Tensor expected = unet_->Run(inputs);
      const at::Tensor first = graphs.Run(inputs);
      EXPECT_LT(LargestDifference(GetParam(), first, expected), 1e-5) << "round " << round;
    }
  }
}

TEST_P(UNetGraphsTest, WhatWasGivenStaysAsItWas) {
  UNetGraphs graphs(*unet_);
  for (int round = 0; round < 2; ++round) graphs.Run(Inputs(3, 8, 8, round));
  const at::Tensor given = graphs.Run(Inputs(3, 8, 8, 2));
  const at::Tensor copy = given.clone();
  graphs.Run(Inputs(3, 8, 8, 3));
  EXPECT_TRUE(given.equal(copy));
}

TEST_P(UNetGraphsTest, ManyShapesAreForgottenAndRecordedAgain) {
  UNetGraphs graphs(*unet_);
  for (int round = 0; round < 2; ++round) {
    for (int64_t width = 4; width < 40; ++width) {
      for (int time = 0; time < 2; ++time) {
        const UNetInputs inputs = Inputs(2, 4, width, time);
        EXPECT_LT(LargestDifference(GetParam(), graphs.Run(inputs), unet_->Run(inputs)), 1e-5) << width;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Networks, UNetGraphsTest, testing::Values("sd1", "xl", "lcm", "upscaler", "unusual"),
                         [](const auto& network) { return std::string(network.param); });

}  // namespace
}  // namespace latentd::model
