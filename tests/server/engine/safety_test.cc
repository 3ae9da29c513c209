// What a model's safety checker flags is withheld in every shape: pictures, latents and previews.

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <variant>

#include "model/vision/safety_checker.h"
#include "tests/model/layers/golden.h"
#include "tests/server/engine/engine_fixture.h"

namespace latentd::engine {
namespace {

using core::OutputState;
using core::PreviewKind;

// Which pictures a checker flags.
enum class Flags { kAll, kNone };

// `sees`: the edge of pictures that the checker is said to take; it takes those of 28.
std::shared_ptr<const model::SafetyChecker> Checker(Flags flags, int sees = 28) {
  model::StableDiffusionSafetyChecker network(model::ClipVisionConfig{.hidden_size = 8,
                                                                      .intermediate_size = 8,
                                                                      .layers = 1,
                                                                      .heads = 1,
                                                                      .projection_dim = 4,
                                                                      .image_size = 28,
                                                                      .patch_size = 14},
                                              at::TensorOptions().dtype(at::kFloat));
  model::FillParameters(*network);
  // Cosines are between the two.
  network->named_parameters()["concept_embeds_weights"].fill_(flags == Flags::kAll ? -2 : 2);
  return std::make_shared<model::SafetyChecker>(network, model::ImageProcessorFor(sees));
}

class EngineSafetyTest : public EngineTest {
 protected:
  EngineSafetyTest() { control_.checker = Checker(Flags::kAll); }

  // Runs a job of one step. Gives its output.
  core::Output Make(core::RequestFields fields) {
    fields.steps = 1;
    name_ = Create(fields);
    StartEngine();
    WaitUntilIdle();
    EXPECT_EQ(Get(name_).outputs.size(), 1u);
    return Get(name_).outputs.at(0);
  }

  static core::RequestFields Latent() {
    core::RequestFields fields = Fields("one");
    fields.output_format = core::ImageFormat::kLatent;
    return fields;
  }

  static core::RequestFields Previewed(PreviewKind kind) {
    core::RequestFields fields = Fields("one");
    fields.preview_kind = kind;
    fields.preview_every_steps = 1;
    return fields;
  }

  // Whether the job's step has shown anything.
  bool HasPreview() {
    const auto watch = store_->OpenWatch(name_, 0, [] {});
    EXPECT_TRUE(watch.ok()) << watch.status();
    int steps = 0;
    bool shown = false;
    while (const auto event = *(*watch)->Next()) {
      const auto* progress = std::get_if<core::Progress>(&event->kind);
      if (progress == nullptr) continue;
      ++steps;
      shown = progress->preview.has_value();
    }
    EXPECT_EQ(steps, 1);
    return shown;
  }

  std::string name_;
};

TEST_F(EngineSafetyTest, AFlaggedPictureIsWithheld) {
  const core::Output output = Make(Fields("one"));
  EXPECT_EQ(output.state, OutputState::kWithheld);
  EXPECT_EQ(output.data, nullptr);
  EXPECT_TRUE(output.flagged);
}

TEST_F(EngineSafetyTest, ALatentIsWithheldForWhatItDecodesTo) {
  const core::Output output = Make(Latent());
  EXPECT_EQ(output.state, OutputState::kWithheld);
  EXPECT_EQ(output.data, nullptr);
  EXPECT_TRUE(output.flagged);
}

TEST_F(EngineSafetyTest, WhereFlaggedPicturesAreShownALatentSaysThatItIsOne) {
  options_.withhold_flagged = false;
  const core::Output output = Make(Latent());
  EXPECT_EQ(output.state, OutputState::kOk);
  EXPECT_NE(output.data, nullptr);
  EXPECT_TRUE(output.flagged);
}

TEST_F(EngineSafetyTest, ALatentThatIsNotFlaggedIsGiven) {
  control_.checker = Checker(Flags::kNone);
  const core::Output output = Make(Latent());
  EXPECT_EQ(output.state, OutputState::kOk);
  EXPECT_FALSE(output.flagged);
}

class EnginePreviewSafetyTest : public EngineSafetyTest, public testing::WithParamInterface<PreviewKind> {};

TEST_P(EnginePreviewSafetyTest, OfAFlaggedPictureIsLeftOut) {
  Make(Previewed(GetParam()));
  EXPECT_FALSE(HasPreview());
}

TEST_P(EnginePreviewSafetyTest, ThatCannotBeLookedAtIsLeftOut) {
  control_.checker = Checker(Flags::kNone, /*sees=*/42);
  Make(Previewed(GetParam()));
  EXPECT_FALSE(HasPreview());
}

TEST_P(EnginePreviewSafetyTest, OfAnotherPictureIsShown) {
  control_.checker = Checker(Flags::kNone);
  Make(Previewed(GetParam()));
  EXPECT_TRUE(HasPreview());
}

TEST_P(EnginePreviewSafetyTest, IsShownWhereFlaggedPicturesAre) {
  options_.withhold_flagged = false;
  Make(Previewed(GetParam()));
  EXPECT_TRUE(HasPreview());
}

INSTANTIATE_TEST_SUITE_P(Kinds, EnginePreviewSafetyTest, testing::Values(PreviewKind::kImage, PreviewKind::kLatent),
                         [](const auto& test) { return test.param == PreviewKind::kImage ? "Image" : "Latent"; });

}  // namespace
}  // namespace latentd::engine
