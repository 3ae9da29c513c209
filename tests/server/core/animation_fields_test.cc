#include "server/core/animation_fields.h"

#include <gmock/gmock.h>

#include <string>
#include <vector>

#include "tests/server/core/test_requests.h"

namespace latentd::core {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;

RequestFields Clip(int frames = 0, int fps = 0) {
  RequestFields fields = TestFields();
  fields.animation = {.frames = frames, .fps = fps};
  fields.adapters.push_back({.kind = AdapterKind::kMotion, .name = "v2"});
  return fields;
}

std::vector<FieldViolation> Violations(const RequestFields& fields) {
  return GenerationRequest::Validate(fields, TestModel(), RequestLimits(), kTestNow, [] { return 7; }).violations;
}

// The only violation is of `field` and says so.
void ExpectViolation(const RequestFields& fields, const std::string& field, const std::string& text) {
  const std::vector<FieldViolation> violations = Violations(fields);
  ASSERT_EQ(violations.size(), 1u) << field;
  EXPECT_EQ(violations[0].field, field);
  EXPECT_THAT(violations[0].description, HasSubstr(text));
}

TEST(AnimationFields, WhatIsLeftOutIsSixteenFramesOfAnimatedWebp) {
  const auto request = TestRequest(Clip());
  EXPECT_EQ(request->frames(), 16);
  EXPECT_EQ(request->animation()->fps, 8);
  EXPECT_EQ(request->clip_format(), ClipFormat::kWebp);
  EXPECT_FALSE(request->fields().output_format.has_value());
  EXPECT_EQ(request->num_outputs(), 1);
}

TEST(AnimationFields, AFormatOfPicturesAsksForTheFrames) {
  RequestFields fields = Clip(5);
  fields.num_images = 3;
  fields.output_format = ImageFormat::kPng;
  const auto request = TestRequest(fields);
  EXPECT_FALSE(request->clip_format().has_value());
  EXPECT_EQ(request->outputs_per_row(), 5);
  EXPECT_EQ(request->num_outputs(), 15);
}

TEST(AnimationFields, APictureIsOneFrame) {
  const auto request = TestRequest();
  EXPECT_EQ(request->frames(), 1);
  EXPECT_EQ(request->num_outputs(), 1);
  EXPECT_EQ(request->output_format(), ImageFormat::kPng);
}

TEST(AnimationFields, FramesAndTheirRateHaveLimits) {
  ExpectViolation(Clip(10'000), "spec.animation.frames", "from 1 to 128; got 10000");
  ExpectViolation(Clip(-1), "spec.animation.frames", "got -1");
  ExpectViolation(Clip(16, 61), "spec.animation.fps", "from 1 to 60; got 61");
  ExpectViolation(Clip(16, -5), "spec.animation.fps", "got -5");
  RequestFields gif = Clip(16, 51);
  gif.clip_format = ClipFormat::kGif;
  ExpectViolation(gif, "spec.animation.fps", "from 1 to 50; got 51");
  EXPECT_THAT(Violations(Clip(128, 60)), IsEmpty());
  EXPECT_THAT(Violations(Clip(1, 1)), IsEmpty());
}

TEST(AnimationFields, WhatDoesNotGoTogetherIsNamed) {
  RequestFields both = Clip();
  both.clip_format = ClipFormat::kGif;
  both.output_format = ImageFormat::kPng;
  ExpectViolation(both, "spec.output.clip_format", "spec.output.format");
  RequestFields latent = Clip();
  latent.output_format = ImageFormat::kLatent;
  ExpectViolation(latent, "spec.output.format", "PNG, JPEG, WEBP");
  RequestFields picture = TestFields();
  picture.clip_format = ClipFormat::kMp4;
  ExpectViolation(picture, "spec.output.clip_format", "spec.animation");
  RequestFields nameless = Clip();
  nameless.adapters[0].name = "";
  ExpectViolation(nameless, "spec.animation.motion", "must be set");
}

TEST(AnimationFields, ClipsAreMadeFromTextAlone) {
  RequestFields steered = Clip();
  steered.adapters.push_back({.kind = AdapterKind::kImagePrompt, .name = "face"});
  ExpectViolation(steered, "spec.image_prompts[0]", "spec.animation");
  RequestFields fields = Clip();
  fields.task = Task::kImageToImage;
  std::vector<FieldViolation> violations;
  CheckAnimation(fields, {}, violations);
  ASSERT_EQ(violations.size(), 1u);
  EXPECT_EQ(violations[0].field, "spec.image_to_image");
}

}  // namespace
}  // namespace latentd::core
