// Clips: motion modules between the U-Net's layers, against diffusers' UNetMotionModel.

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "model/unet/frame_windows.h"
#include "model/unet/unet.h"
#include "tests/model/layers/golden.h"

namespace latentd::model {
namespace {

struct Networks {
  UNet2DConditionModel unet{nullptr};
  MotionAdapter motion{nullptr};
};

// Of a golden file, with the weights of the formula.
Networks Open(const Golden& golden, at::ScalarType type = at::kFloat) {
  ConfigReader config = golden.Config();
  const UNetConfig unet = ReadUNetConfig(ConfigReader("unet", config.Raw("unet")));
  ConfigReader adapter("adapter", config.Raw("adapter"));
  const MotionConfig motion{
      .heads = adapter.GetPerLevel<int64_t>("motion_num_attention_heads", unet.levels.size(), 8),
      .known_frames = adapter.Get<int64_t>("motion_max_seq_length", 0),
      .has_mid_block = adapter.Get("use_motion_mid_block", false),
  };
  const auto options = at::TensorOptions().dtype(type);
  Networks networks{.unet = UNet2DConditionModel(unet, options), .motion = MotionAdapter(unet, motion, options)};
  FillParameters(*networks.unet);
  FillParameters(*networks.motion);
  for (const auto& item : networks.motion->named_buffers()) {
    item.value().copy_(FramePositions(item.value().size(1), item.value().size(2)));
  }
  return networks;
}

// samples: [L, C, F, h, w]; texts: one for each run of clips -> [L, C, F, h, w]
at::Tensor Predict(const Networks& networks, const at::Tensor& samples, const at::Tensor& timesteps, Context texts) {
  const int64_t frames = samples.size(2);
  for (ContextGroup& text : texts) text.lanes_each = frames;
  const at::Tensor out =
      networks.unet->forward(samples.transpose(1, 2).flatten(0, 1), timesteps.repeat_interleave(frames), texts,
                             {.motion = {.adapter = networks.motion.get(), .frames = frames}});
  return out.unflatten(0, {-1, frames}).transpose(1, 2);
}

std::vector<std::string> Sizes(const Golden& golden) {
  std::vector<std::string> sizes;
  for (const std::string& name : golden.NamesThatBegin("sample")) sizes.push_back(name.substr(6));
  return sizes;
}

class MotionParity : public testing::TestWithParam<const char*> {};

TEST_P(MotionParity, EqualsTheReferenceWithinTheKnownFramesAndBeyond) {
  const Golden golden("motion/" + std::string(GetParam()) + ".safetensors");
  const Networks networks = Open(golden);
  const Context texts = {{.states = golden["short"]}, {.states = golden["long"]}};
  ASSERT_GE(Sizes(golden).size(), 2u);
  for (const std::string& size : Sizes(golden)) {
    const at::Tensor out = Predict(networks, golden["sample" + size], golden["timesteps"], texts);
    EXPECT_LT(LargestDifference(std::string(GetParam()) + " " + size, out, golden["out" + size]), 2e-5);
  }
}

TEST_P(MotionParity, StaysNearTheReferenceInBfloat16) {
  const Golden golden("motion/" + std::string(GetParam()) + ".safetensors");
  const Networks networks = Open(golden, at::kBFloat16);
  const Context texts = {{.states = golden["short"]}, {.states = golden["long"]}};
  const std::string size = Sizes(golden).front();
  const at::Tensor out = Predict(networks, golden["sample" + size], golden["timesteps"], texts);
  EXPECT_LT(LargestDifference(std::string(GetParam()) + " bfloat16", out, golden["out" + size]), 0.15);
}

TEST_P(MotionParity, PositionsAreTheReferences) {
  const Golden golden("motion/" + std::string(GetParam()) + ".safetensors");
  const at::Tensor positions = golden["pe"];
  EXPECT_LT(LargestDifference("positions", FramePositions(positions.size(1), positions.size(2)), positions), 1e-6);
}

TEST_P(MotionParity, AClipDependsOnNothingButItself) {
  const Golden golden("motion/" + std::string(GetParam()) + ".safetensors");
  const Networks networks = Open(golden);
  const at::Tensor text = InputByFormula("text", {5, 7, golden["short"].size(2)});
  const at::Tensor timesteps = InputByFormula("timesteps", {5}) * 200 + 400;
  // The largest is big enough for Winograd's method on the first level; the longest is seen in windows by one module.
  for (const auto& [frames, height, width] : {std::array<int64_t, 3>{4, 9, 7}, {13, 3, 2}, {3, 17, 16}}) {
    const at::Tensor samples = InputByFormula("samples", {5, 4, frames, height, width});
    const auto run = [&](int64_t first, int64_t count) {
      return Predict(networks, samples.narrow(0, first, count), timesteps.narrow(0, first, count),
                     {{.states = text.narrow(0, first, count)}});
    };
    const at::Tensor all = run(0, 5);
    for (const int64_t count : {1, 2, 3, 4}) {
      EXPECT_TRUE(SameBytes(run(5 - count, count), all.narrow(0, 5 - count, count))) << frames << ", " << count;
    }
    // Frames are not pictures of their own.
    const at::Tensor turned = Predict(networks, samples.flip(2), timesteps, {{.states = text}}).flip(2);
    EXPECT_GT((turned - all).abs().max().item<double>(), 1e-3);
  }
}

INSTANTIATE_TEST_SUITE_P(Versions, MotionParity, testing::Values("v1", "v2", "few"),
                         [](const auto& param) { return std::string(param.param); });

TEST(Motion, TheNoiseOfALongClipIsTheReferences) {
  const Golden golden("motion/few.safetensors");
  for (const int64_t frames : {9, 10, 12}) {
    at::Generator generator = at::detail::createCPUGenerator(static_cast<uint64_t>(frames));
    const at::Tensor expected = golden["shuffled" + std::to_string(frames)];
    std::vector<int64_t> shape = expected.sizes().vec();
    const at::Tensor drawn = at::randn(shape, generator);
    EXPECT_TRUE(SameBytes(drawn, golden["noise" + std::to_string(frames)])) << frames;
    const at::Tensor shuffled = ShuffleNoise(drawn, /*known_frames=*/6, generator);
    EXPECT_TRUE(SameBytes(shuffled, expected)) << frames;
    EXPECT_FALSE(SameBytes(shuffled, drawn)) << frames;
  }
}

TEST(Motion, NoiseWithinTheKnownFramesStaysAsItIs) {
  at::Generator generator = at::detail::createCPUGenerator(1);
  const at::Tensor noise = at::randn({4, 8, 2, 3}, generator);
  EXPECT_TRUE(ShuffleNoise(noise, 8, generator).is_same(noise));
}

TEST(Motion, EveryFrameOfALongClipIsInAWindow) {
  for (int64_t frames = 1; frames < 70; ++frames) {
    for (const int64_t known : {1, 5, 16, 24, 32}) {
      const std::vector<FrameWindow> windows = FrameWindows(frames, known);
      std::vector<int> taken(static_cast<size_t>(frames));
      for (const FrameWindow& window : windows) {
        EXPECT_LE(window.length, known);
        for (int64_t i = window.first_taken; i < window.length; ++i) ++taken.at(static_cast<size_t>(window.first + i));
      }
      EXPECT_EQ(std::count(taken.begin(), taken.end(), 0), 0) << frames << " of " << known;
      EXPECT_EQ(windows.size() == 1, frames <= known);
    }
  }
}

TEST(Motion, LanesThatAreNoWholeClipsAreRefused) {
  const Golden golden("motion/v1.safetensors");
  const Networks networks = Open(golden);
  EXPECT_THROW(networks.unet->forward(InputByFormula("sample", {5, 4, 4, 4}), InputByFormula("timesteps", {5}),
                                      {{.states = InputByFormula("text", {5, 7, 24})}},
                                      {.motion = {.adapter = networks.motion.get(), .frames = 2}}),
               c10::Error);
}

}  // namespace
}  // namespace latentd::model
