// Jobs whose rows are clips.

#include <ATen/ops/zeros.h>
#include <gmock/gmock.h>

#include <map>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "model/adapters/motion_module.h"
#include "server/core/errors.h"
#include "server/engine/adapter_registry.h"
#include "tests/server/engine/engine_fixture.h"

namespace latentd::engine {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::Field;
using testing::SizeIs;

// Motion modules of a U-Net of one level; with known frames 2, so that clips are longer.
std::shared_ptr<const model::MotionModule> Modules(bool with_middle) {
  model::UNetConfig unet;
  unet.norm_groups = 4;
  unet.levels.push_back({.channels = 8,
                         .layers = 1,
                         .transformer_layers = 1,
                         .heads = 2,
                         .context_features = 8,
                         .only_cross_attention = false,
                         .down_attention = true,
                         .up_attention = true});
  const model::MotionConfig config{.heads = {2}, .known_frames = 2, .has_mid_block = with_middle};
  return std::make_shared<model::MotionModule>(model::MotionAdapter(unet, config, at::TensorOptions()));
}

class EngineClipsTest : public EngineTest {
 protected:
  // "walk", "run" and the LoRA "zoom", which changes the last layer of modules with a middle block; "run" has none.
  void StartEngineWithMotion() {
    AdapterRegistry::Options adapters{.adapters = {}, .memory_budget = 0};
    const auto add = [&](const std::string& name, core::AdapterKind kind, std::shared_ptr<const model::Adapter> made) {
      const core::AdapterInfo info{.name = name, .kind = kind};
      adapters.adapters.push_back({.info = info,
                                   .content_hash = [name] { return name; },
                                   .load = [made](const model::DiffusionModel&) { return made; }});
    };
    const auto walk = Modules(/*with_middle=*/true);
    add("walk", core::AdapterKind::kMotion, walk);
    add("run", core::AdapterKind::kMotion, Modules(/*with_middle=*/false));
    std::map<std::string, std::vector<model::Lora::Change>> changes;
    changes[model::kMotionNetwork].push_back(
        {.layer = walk->layers().layers().size() - 1, .weights = {.down = at::zeros({1, 1}), .up = at::zeros({1, 1})}});
    add("zoom", core::AdapterKind::kLora, std::make_shared<model::Lora>(std::move(changes)));
    adapters_ = std::make_unique<AdapterRegistry>(std::move(adapters));
    options_.adapters = adapters_.get();
    StartEngine();
  }

  ~EngineClipsTest() override {
    engine_ = nullptr;  // before the adapters
    registry_ = nullptr;
  }

  static core::RequestFields Clip(const std::string& prompt, const std::string& motion, int frames) {
    core::RequestFields fields = Fields(prompt);
    fields.adapters = {{.kind = core::AdapterKind::kMotion, .name = motion}};
    fields.animation = {.frames = frames, .fps = 5};
    return fields;
  }

  std::unique_ptr<AdapterRegistry> adapters_;
};

TEST_F(EngineClipsTest, AClipIsOneOutputWithItsFrames) {
  StartEngineWithMotion();
  const std::string job = Create(Clip("a cat", "walk", 3));
  WaitUntilIdle();
  const core::Job made = Get(job);
  ASSERT_EQ(made.state, core::JobState::kCompleted) << made.error;
  ASSERT_THAT(made.outputs, SizeIs(1));
  EXPECT_EQ(made.outputs[0].media_type, "image/webp");
  EXPECT_EQ(made.outputs[0].frames, 3);
  EXPECT_EQ(made.outputs[0].fps, 5);
  EXPECT_EQ(made.usage->evaluations, 3);
  EXPECT_EQ(made.usage->pixel_evaluations, int64_t{3} * 2 * 3 * 64 * 64);
}

TEST_F(EngineClipsTest, AMovedClipOfWhichOnlySomeFramesAreThereIsMadeAgain) {
  core::RequestFields fields = Clip("a cat", "walk", 3);
  fields.output_format = core::ImageFormat::kPng;
  const std::string job = Create(fields);
  ASSERT_THAT(store_->Claim(1), SizeIs(1));
  store_->OnOutput(job, {.index = 0, .data = std::make_shared<const std::string>("a frame")});
  store_->OnHandedBack(job, "LOST", {});
  StartEngineWithMotion();
  WaitUntilIdle();
  EXPECT_EQ(Get(job).state, core::JobState::kCompleted);
  for (int i = 0; i < 3; ++i) EXPECT_THAT(Get(job).outputs, Contains(Field(&core::Output::index, i)));
}

TEST_F(EngineClipsTest, FramesAreOutputsWhenPicturesAreAskedForAlsoWhenTheyFail) {
  StartEngineWithMotion();
  core::RequestFields fields = Clip("a cat", "walk", 3);
  fields.output_format = core::ImageFormat::kPng;
  fields.num_images = 2;
  const std::string good = Create(fields);
  fields.prompt = "nan";
  const std::string bad = Create(fields);
  WaitUntilIdle();
  ASSERT_THAT(Get(good).outputs, SizeIs(6));
  for (int i = 0; i < 6; ++i) {
    EXPECT_EQ(Get(good).outputs[static_cast<size_t>(i)].index, i);
    EXPECT_EQ(Get(good).outputs[static_cast<size_t>(i)].seed, i < 3 ? 7 : 8);
  }
  const core::Job failed = Get(bad);
  EXPECT_EQ(failed.state, core::JobState::kFailed);
  EXPECT_EQ(core::GetErrorDetails(failed.error).reason, "NOT_FINITE");
  ASSERT_THAT(failed.outputs, SizeIs(6));
  EXPECT_EQ(failed.usage->failed_outputs, 6);
}

TEST_F(EngineClipsTest, ClipsPicturesAndOtherModulesHaveForwardsOfTheirOwn) {
  Create(Clip("a cat", "walk", 3));
  Create(Clip("a cat", "walk", 3));
  Create(Fields("a dog"));
  Create(Clip("a bird", "run", 3));
  Create(Clip("a fish", "walk", 4));
  StartEngineWithMotion();
  WaitUntilIdle();
  std::map<std::string, size_t> rows;
  for (const std::vector<std::string>& forward : control_.Predicted()) {
    EXPECT_THAT(forward, Each(forward.front()));
    rows[forward.front()] += forward.size();
  }
  EXPECT_EQ(rows, (std::map<std::string, size_t>{{"a cat", 6}, {"a dog", 3}, {"a bird", 3}, {"a fish", 3}}));
}

TEST_F(EngineClipsTest, ALongClipIsDecodedAFewFramesAtATime) {
  std::vector<size_t> decoded;
  control_.on_decode = [&](size_t frames) { decoded.push_back(frames); };
  StartEngineWithMotion();
  const std::string job = Create(Clip("a cat", "walk", 10));
  WaitUntilIdle();
  EXPECT_THAT(decoded, ElementsAre(4, 4, 2));
  ASSERT_THAT(Get(job).outputs, SizeIs(1));
  EXPECT_EQ(Get(job).outputs[0].frames, 10);
}

TEST_F(EngineClipsTest, AClipThatIsCancelledIsDecodedNoFurther) {
  int runs = 0;
  Gate gate;
  control_.on_decode = [&](size_t) {
    if (++runs == 2) gate.Wait();
  };
  StartEngineWithMotion();
  const std::string job = Create(Clip("a cat", "walk", 20));
  gate.AwaitArrival();
  EXPECT_TRUE(store_->Cancel(job, "CALLER").ok());
  gate.Open();
  WaitUntilIdle();
  EXPECT_EQ(runs, 2);
  EXPECT_EQ(Get(job).state, core::JobState::kCancelled);
}

class EngineClipsRetryTest : public EngineClipsTest, public testing::WithParamInterface<int> {};

TEST_P(EngineClipsRetryTest, FramesOfClipsThatAreDecodedTogetherAreTriedAgainAndNoneIsLost) {
  int runs = 0;
  size_t decoded = 0;
  control_.on_decode = [&](size_t frames) {
    if (++runs == GetParam()) throw std::runtime_error("once");
    decoded += frames;
  };
  // Of one job: each of two would begin when its own module is there, and might be decoded alone.
  core::RequestFields fields = Clip("a cat", "walk", 6);
  fields.num_images = 2;
  const std::string job = Create(fields);
  StartEngineWithMotion();
  WaitUntilIdle();
  const core::Job made = Get(job);
  ASSERT_EQ(made.state, core::JobState::kCompleted) << made.error;
  EXPECT_THAT(made.outputs, AllOf(SizeIs(2), Each(Field(&core::Output::frames, 6))));
  EXPECT_EQ(decoded, 12U);
}

// Both in the second clip: when frames of the first are there, and when all are.
INSTANTIATE_TEST_SUITE_P(Runs, EngineClipsRetryTest, testing::Values(2, 4));

TEST_F(EngineClipsTest, ALoraOfAMiddleModuleThatIsNotThereFailsItsJob) {
  StartEngineWithMotion();
  core::RequestFields fields = Clip("a cat", "run", 3);
  fields.adapters.push_back({.name = "zoom"});
  const std::string unfit = Create(fields);
  fields.adapters[0].name = "walk";
  WaitUntilIdle();
  EXPECT_EQ(Get(unfit).state, core::JobState::kFailed);
  EXPECT_EQ(Get(unfit).error.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(core::GetErrorDetails(Get(unfit).error).reason, "ADAPTER_UNFIT");
  const std::string fits = Create(fields);
  WaitUntilIdle();
  EXPECT_EQ(Get(fits).state, core::JobState::kCompleted) << Get(fits).error;
}

}  // namespace
}  // namespace latentd::engine
