#include "model/unet/controlnet.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/cat.h>
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "tests/model/layers/golden.h"

namespace latentd::model {
namespace {

ControlNetModel Make(const Golden& golden, at::ScalarType type = at::kFloat) {
  ControlNetModel network(ReadControlNetConfig(golden.Config()), at::TensorOptions().dtype(type));
  FillParameters(*network);
  return network;
}

AddedConditions Added(const Golden& golden) {
  if (!golden.Has("pooled")) return {};
  return {.pooled = golden["pooled"], .numbers = golden["numbers"]};
}

// The picture that the reference was given beside the sample of a size.
at::Tensor Picture(const Golden& golden, const ControlNetModel& network, const std::string& size) {
  const at::Tensor sample = golden["sample" + size];
  const int64_t scale = network->config().PictureScale();
  return InputByFormula("picture" + size, {sample.size(0), 3, sample.size(2) * scale, sample.size(3) * scale})
      .abs()
      .remainder(1);
}

class ControlNetParity : public testing::TestWithParam<const char*> {
 protected:
  const Golden golden_{"controlnet/" + std::string(GetParam()) + ".safetensors"};

  // The largest difference between what a network gives and the reference.
  double Compare(const ControlNetModel& network, const std::string& size) const {
    const Context context = {{.states = golden_["short"]}, {.states = golden_["long"]}};
    const at::Tensor hints = network->EncodeHint(Picture(golden_, network, size));
    const auto residuals =
        network->forward(golden_["sample" + size], golden_["timesteps"], context, hints, Added(golden_));
    const std::string name = std::string(GetParam()) + " " + size;
    double worst = LargestDifference(name + " middle", residuals.middle, golden_["out_middle" + size]);
    size_t maps = 0;
    for (; golden_.Has("out_down" + std::to_string(maps) + "_" + size); ++maps) {
      const std::string map = "out_down" + std::to_string(maps) + "_" + size;
      if (maps == residuals.down.size()) break;
      worst = std::max(worst, LargestDifference(name + " " + map, residuals.down[maps], golden_[map]));
    }
    EXPECT_EQ(residuals.down.size(), maps);
    EXPECT_FALSE(golden_.Has("out_down" + std::to_string(maps) + "_" + size));
    return worst;
  }
};

TEST_P(ControlNetParity, EqualsTheReferenceAtEverySizeWithMixedTimestepsAndTextLengths) {
  const ControlNetModel network = Make(golden_);
  // Values are as large as 20: nothing is normalised at the end.
  for (const std::string size : {"4x5", "7x3", "6x9"}) EXPECT_LT(Compare(network, size), 5e-5) << size;
}

TEST_P(ControlNetParity, StaysNearTheReferenceInBfloat16) {
  EXPECT_LT(Compare(Make(golden_, at::kBFloat16), "6x9"), 0.5);
}

TEST_P(ControlNetParity, ALaneDependsOnNothingButItself) {
  const ControlNetModel network = Make(golden_);
  const UNetConfig& config = network->config().unet;
  const at::Tensor timesteps = at::arange(12, at::kFloat) * 61.5 + 3;
  const at::Tensor text = InputByFormula("text", {12, 7, config.levels.back().context_features});
  AddedConditions added;
  if (golden_.Has("pooled")) {
    added.pooled = InputByFormula("pooled", {12, golden_["pooled"].size(1)});
    added.numbers = (InputByFormula("numbers", {12, golden_["numbers"].size(1)}) * 500 + 900).round();
  }
  const int64_t scale = network->config().PictureScale();
  // The larger one is big enough for Winograd's method on the first level.
  for (const auto& [height, width] : {std::array<int64_t, 2>{9, 7}, {17, 16}}) {
    const at::Tensor sample = InputByFormula("sample", {12, config.in_channels, height, width});
    const at::Tensor picture = InputByFormula("picture", {12, 3, height * scale, width * scale}).abs() / 2;
    const auto run = [&](int64_t first, int64_t count) {
      AddedConditions part = added;
      for (at::Tensor* each : {&part.pooled, &part.numbers}) {
        if (each->defined()) *each = each->narrow(0, first, count);
      }
      return network->forward(sample.narrow(0, first, count), timesteps.narrow(0, first, count),
                              {{text.narrow(0, first, count)}}, network->EncodeHint(picture.narrow(0, first, count)),
                              part);
    };
    const ControlNetModelImpl::Residuals all = run(0, 12);
    for (const auto& [first, count] : {std::array<int64_t, 2>{0, 1}, {0, 5}, {11, 1}, {4, 3}}) {
      const ControlNetModelImpl::Residuals some = run(first, count);
      EXPECT_TRUE(SameBytes(some.middle, all.middle.narrow(0, first, count))) << first << "+" << count;
      for (size_t i = 0; i < all.down.size(); ++i) {
        EXPECT_TRUE(SameBytes(some.down[i], all.down[i].narrow(0, first, count))) << first << "+" << count << " " << i;
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Configurations, ControlNetParity, testing::Values("sd1", "xl", "unusual"),
                         [](const auto& param) { return std::string(param.param); });

TEST(ControlNetTest, RefusesShapesThatDoNotFit) {
  const Golden golden("controlnet/xl.safetensors");
  const ControlNetModel network = Make(golden);
  const Context context = {{golden["short"]}, {golden["long"]}};
  const at::Tensor sample = golden["sample4x5"];
  const at::Tensor hints = network->EncodeHint(Picture(golden, network, "4x5"));
  const at::Tensor steps = golden["timesteps"];
  EXPECT_NO_THROW(network->forward(sample, steps, context, hints, Added(golden)));
  EXPECT_THROW(network->forward(sample, steps, context, hints), c10::Error);
  EXPECT_THROW(network->forward(sample.narrow(1, 0, 3), steps, context, hints, Added(golden)), c10::Error);
  EXPECT_THROW(network->forward(sample, steps, context, hints.narrow(0, 0, 2), Added(golden)), c10::Error);
  EXPECT_THROW(network->forward(sample, steps, context, hints.narrow(2, 0, 3), Added(golden)), c10::Error);
  EXPECT_THROW(network->EncodeHint(Picture(golden, network, "4x5").narrow(1, 0, 2)), c10::Error);
}

// What is added to a U-Net's maps.
class ResidualsTest : public testing::Test {
 protected:
  ResidualsTest() { FillParameters(*unet_); }

  // Of a lane; the first map is of the size of the sample.
  LaneResiduals Residuals(int64_t lane, double scale) const {
    const ControlNetModel network = Make(Golden("controlnet/sd1.safetensors"));
    LaneResiduals residuals{.lane = lane, .down = {}, .middle = InputByFormula("middle", {48, 2, 2}) * scale};
    for (const auto& [channels, edge] : {std::array<int64_t, 2>{16, 8}, {16, 8}, {16, 4}, {32, 4}, {32, 2}, {48, 2}}) {
      residuals.down.push_back(InputByFormula("down", {channels, edge, edge}) * scale);
    }
    return residuals;
  }

  at::Tensor Run(std::span<const LaneResiduals> residuals) const {
    return unet_->forward(golden_["sample8x8"], golden_["timesteps"], {{golden_["short"]}, {golden_["long"]}},
                          {.residuals = residuals});
  }

  const Golden golden_{"unet/sd1.safetensors"};
  UNet2DConditionModel unet_{ReadUNetConfig(golden_.Config()), at::TensorOptions().dtype(at::kFloat)};
};

TEST_F(ResidualsTest, ChangeTheirLaneAlone) {
  const at::Tensor plain = Run({});
  const std::vector<LaneResiduals> residuals = {Residuals(1, 1), Residuals(3, -0.5)};
  const at::Tensor steered = Run(residuals);
  for (const int64_t lane : {0, 2}) EXPECT_TRUE(SameBytes(steered[lane], plain[lane])) << lane;
  for (const int64_t lane : {1, 3}) {
    EXPECT_FALSE(SameBytes(steered[lane], plain[lane])) << lane;
    const at::Tensor alone = Run(std::span(residuals).subspan(lane == 1 ? 0 : 1, 1));
    EXPECT_TRUE(SameBytes(steered[lane], alone[lane])) << lane;
  }
}

TEST_F(ResidualsTest, MustBeForEveryMap) {
  std::vector<LaneResiduals> residuals = {Residuals(0, 1)};
  residuals[0].down.pop_back();
  EXPECT_THROW(Run(residuals), c10::Error);
  const Golden headless("unet/inpaint.safetensors");  // without a middle block
  UNet2DConditionModel unet(ReadUNetConfig(headless.Config()), at::TensorOptions().dtype(at::kFloat));
  FillParameters(*unet);
  residuals = {Residuals(0, 1)};
  EXPECT_THROW(unet->forward(headless["sample8x8"], headless["timesteps"], {{headless["short"]}, {headless["long"]}},
                             {.residuals = residuals}),
               c10::Error);
}

}  // namespace
}  // namespace latentd::model
