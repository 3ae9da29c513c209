#include "server/core/task_fields.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <limits>
#include <string>
#include <vector>

#include "tests/server/core/test_requests.h"

namespace latentd::core {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

InputImage Image(int width, int height, std::optional<Fit> fit = {}) {
  return {.data = std::make_shared<const std::string>("a file"),
          .sha256 = "its hash",
          .width = width,
          .height = height,
          .fit = fit};
}

RequestFields Inpaint(const InputImage& image, const InputImage& mask) {
  RequestFields fields = TestFields();
  fields.task = Task::kInpaint;
  fields.image = image;
  fields.mask = mask;
  return fields;
}

ModelInfo Painter() {
  ModelInfo model = TestModel();
  model.tasks = {Task::kTextToImage, Task::kImageToImage, Task::kInpaint, Task::kOutpaint, Task::kUnconditional};
  return model;
}

GenerationRequest::Validated Validate(const RequestFields& fields) {
  return GenerationRequest::Validate(fields, Painter(), RequestLimits(), kTestNow, [] { return 7; });
}

std::vector<std::string> WrongFields(const RequestFields& fields) {
  std::vector<std::string> names;
  for (const FieldViolation& violation : Validate(fields).violations) names.push_back(violation.field);
  return names;
}

TEST(TaskFields, AMaskHasThePicturesSizeUnlessItSaysWhatToDo) {
  EXPECT_THAT(WrongFields(Inpaint(Image(64, 48), Image(64, 48))), IsEmpty());
  EXPECT_THAT(WrongFields(Inpaint(Image(64, 48), Image(48, 64))), ElementsAre("spec.inpaint.mask"));
  EXPECT_THAT(WrongFields(Inpaint(Image(64, 48), Image(48, 64, Fit::kStretch))), IsEmpty());
}

RequestFields FromLatent(const LatentShape& shape) {
  RequestFields fields = TestFields();
  fields.task = Task::kImageToImage;
  fields.image = {.data = std::make_shared<const std::string>("a file"), .sha256 = "its hash", .latent = shape};
  return fields;
}

ModelInfo LatentPainter() {
  ModelInfo model = Painter();
  model.latent_channels = 4;
  model.latent_scale = 8;
  return model;
}

GenerationRequest::Validated ValidateLatent(const RequestFields& fields) {
  return GenerationRequest::Validate(fields, LatentPainter(), RequestLimits(), kTestNow, [] { return 7; });
}

std::vector<std::string> WrongWithLatent(const RequestFields& fields) {
  std::vector<std::string> names;
  for (const FieldViolation& violation : ValidateLatent(fields).violations) names.push_back(violation.field);
  return names;
}

TEST(TaskFields, ALatentSaysTheSize) {
  const auto validated = ValidateLatent(FromLatent({.channels = 4, .width = 9, .height = 7}));
  EXPECT_EQ(validated.request->width(), 72);
  EXPECT_EQ(validated.request->height(), 56);
}

TEST(TaskFields, ALatentIsOfTheModelsChannelsAndOfTheRequestsSize) {
  EXPECT_THAT(WrongWithLatent(FromLatent({.channels = 3, .width = 8, .height = 8})),
              ElementsAre("spec.image_to_image.image"));
  RequestFields fields = FromLatent({.channels = 4, .width = 8, .height = 8});
  fields.width = 72;
  EXPECT_THAT(WrongWithLatent(fields), ElementsAre("spec.image_to_image.image"));
}

TEST(TaskFields, OnlyImageToImageTakesLatents) {
  const InputImage latent = *FromLatent({.channels = 4, .width = 8, .height = 8}).image;
  EXPECT_THAT(WrongWithLatent(Inpaint(latent, Image(64, 64))), testing::Contains("spec.inpaint.image"));
  EXPECT_THAT(WrongWithLatent(Inpaint(Image(64, 64), latent)), testing::Contains("spec.inpaint.mask"));
}

TEST(TaskFields, ADenoisingStartTakesThePlaceOfTheStrength) {
  RequestFields fields = FromLatent({.channels = 4, .width = 8, .height = 8});
  fields.denoising_start = 0.7;
  EXPECT_THAT(WrongWithLatent(fields), IsEmpty());
  EXPECT_EQ(ValidateLatent(fields).request->strength(), 1);
  EXPECT_EQ(ValidateLatent(fields).request->denoising_start(), 0.7);
  fields.strength = 0.5;
  EXPECT_THAT(WrongWithLatent(fields), ElementsAre("spec.image_to_image.strength"));
}

TEST(TaskFields, TheDenoisingIsBetweenItsShares) {
  const auto wrong = [](std::optional<double> start, std::optional<double> end) {
    RequestFields fields = FromLatent({.channels = 4, .width = 8, .height = 8});
    fields.denoising_start = start;
    fields.denoising_end = end;
    return WrongWithLatent(fields);
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(wrong(0.5, 0.8), IsEmpty());
  EXPECT_THAT(wrong({}, 1), IsEmpty());
  for (const double end : {0.0, 1.1, -0.5, nan}) EXPECT_THAT(wrong({}, end), ElementsAre("spec.denoising_end"));
  for (const double start : {0.0, 1.0, nan}) {
    EXPECT_THAT(wrong(start, {}), ElementsAre("spec.image_to_image.denoising_start"));
  }
  EXPECT_THAT(wrong(0.8, 0.8), ElementsAre("spec.denoising_end"));
}

TEST(TaskFields, AMaskIsFittedAsItsPicture) {
  EXPECT_EQ(Validate(Inpaint(Image(64, 48, Fit::kCrop), Image(64, 48))).request->mask()->fit, Fit::kCrop);
}

TEST(TaskFields, StrengthIsFromNoneToAll) {
  RequestFields fields = TestFields();
  fields.task = Task::kImageToImage;
  fields.image = Image(64, 64);
  EXPECT_EQ(Validate(fields).request->strength(), 0.8);
  for (const double wrong : {-0.1, 1.01, std::numeric_limits<double>::quiet_NaN()}) {
    fields.strength = wrong;
    EXPECT_THAT(WrongFields(fields), ElementsAre("spec.image_to_image.strength")) << wrong;
  }
}

TEST(TaskFields, PicturesHaveTheSizeOfTheOneTheyBeginWithCutToTheMultiple) {
  RequestFields fields = TestFields();
  fields.task = Task::kOutpaint;
  fields.image = Image(101, 60);
  fields.margins = {.left = 20, .right = 0, .top = 0, .bottom = 3};
  const auto validated = Validate(fields);
  ASSERT_TRUE(validated.request.has_value());
  EXPECT_EQ(validated.request->width(), 120);
  EXPECT_EQ(validated.request->height(), 56);
}

TEST(TaskFields, APictureThatIsTooLargeForTheModelNeedsASize) {
  RequestFields fields = TestFields();
  fields.task = Task::kImageToImage;
  fields.image = Image(4000, 40);
  const auto violations = Validate(fields).violations;
  ASSERT_EQ(violations.size(), 1U);
  EXPECT_EQ(violations[0].field, "spec.width");
  EXPECT_THAT(violations[0].description, HasSubstr("got 4000, the picture's own size"));
  fields.width = 128;
  EXPECT_THAT(WrongFields(fields), IsEmpty());
}

TEST(TaskFields, OfAnotherSizeMayBeRefused) {
  RequestFields fields = TestFields();
  fields.task = Task::kImageToImage;
  fields.image = Image(64, 48, Fit::kRefuse);
  EXPECT_THAT(WrongFields(fields), IsEmpty());
  fields.width = 72;
  EXPECT_THAT(WrongFields(fields), ElementsAre("spec.image_to_image.image"));
}

TEST(TaskFields, MarginsAreNoneOrMoreAndOneIsMore) {
  RequestFields fields = TestFields();
  fields.task = Task::kOutpaint;
  fields.image = Image(64, 64);
  EXPECT_THAT(WrongFields(fields), ElementsAre("spec.outpaint"));
  fields.margins = {.left = -8, .right = 8, .top = 9000, .bottom = 0};
  fields.width = fields.height = 64;
  EXPECT_THAT(WrongFields(fields), ElementsAre("spec.outpaint.left", "spec.outpaint.top"));
}

TEST(TaskFields, NothingIsSaidToAModelThatTakesNoText) {
  RequestFields fields = TestFields();
  fields.task = Task::kUnconditional;
  fields.guidance_scale = 2;
  EXPECT_THAT(WrongFields(fields), ElementsAre("spec.prompt", "spec.guidance_scale"));
}

// Enlarges four times, what is cut to multiples of 4.
ModelInfo Enlarger() {
  ModelInfo model = TestModel();
  model.tasks = {Task::kSuperResolution};
  model.size_multiple = model.min_size = 16;
  model.max_size = 256;
  model.max_pixels = 256 * 128;
  model.upscale_factor = 4;
  model.max_noise_level = 100;
  return model;
}

RequestFields Enlarge(const InputImage& image) {
  RequestFields fields = TestFields();
  fields.task = Task::kSuperResolution;
  fields.image = image;
  return fields;
}

std::vector<std::string> WrongFields(const RequestFields& fields, const ModelInfo& model) {
  std::vector<std::string> names;
  const auto validated = GenerationRequest::Validate(fields, model, RequestLimits(), kTestNow, [] { return 7; });
  for (const FieldViolation& violation : validated.violations) names.push_back(violation.field);
  return names;
}

TEST(Enlargement, HasTheSmallPicturesSizeTimesTheFactor) {
  RequestFields fields = Enlarge(Image(21, 14));
  const auto validated = GenerationRequest::Validate(fields, Enlarger(), RequestLimits(), kTestNow, [] { return 7; });
  ASSERT_TRUE(validated.request.has_value());
  EXPECT_EQ(validated.request->width(), 80);
  EXPECT_EQ(validated.request->height(), 48);
  EXPECT_EQ(validated.request->upscale_factor(), 4);
  EXPECT_EQ(validated.request->noise_level(), 20);
  fields.width = 80;
  fields.height = 64;
  EXPECT_THAT(WrongFields(fields, Enlarger()), ElementsAre("spec.height"));
}

TEST(Enlargement, TheSmallPictureFitsTheModel) {
  const std::string low_res = "spec.super_resolution.low_res";
  EXPECT_THAT(WrongFields(Enlarge(Image(64, 32)), Enlarger()), IsEmpty());
  EXPECT_THAT(WrongFields(Enlarge(Image(64, 36)), Enlarger()), ElementsAre(low_res));  // too many pixels
  EXPECT_THAT(WrongFields(Enlarge(Image(68, 8)), Enlarger()), ElementsAre(low_res));
  EXPECT_THAT(WrongFields(Enlarge(Image(3, 8)), Enlarger()), ElementsAre(low_res));
  EXPECT_THAT(WrongFields(Enlarge(Image(std::numeric_limits<int>::max() / 4, 8)), Enlarger()), ElementsAre(low_res));
  EXPECT_THAT(WrongFields(Enlarge(Image(20, 12, Fit::kRefuse)), Enlarger()), IsEmpty());
  EXPECT_THAT(WrongFields(Enlarge(Image(21, 12, Fit::kRefuse)), Enlarger()), ElementsAre(low_res));
}

TEST(Enlargement, NoiseLevelsAreTheModels) {
  RequestFields fields = Enlarge(Image(20, 12));
  for (const int level : {-1, 101}) {
    fields.noise_level = level;
    EXPECT_THAT(WrongFields(fields, Enlarger()), ElementsAre("spec.super_resolution.noise_level")) << level;
  }
  fields.noise_level = 0;
  EXPECT_THAT(WrongFields(fields, Enlarger()), IsEmpty());
  ModelInfo silent = Enlarger();
  silent.max_noise_level = silent.prompt_tokens = 0;
  silent.default_guidance_scale = 1;
  EXPECT_THAT(WrongFields(fields, silent), ElementsAre("spec.super_resolution.noise_level", "spec.prompt"));
  fields.prompt.clear();
  fields.noise_level.reset();
  EXPECT_THAT(WrongFields(fields, silent), IsEmpty());
  fields.guidance_scale = 2;
  EXPECT_THAT(WrongFields(fields, silent), ElementsAre("spec.guidance_scale"));
}

TEST(WithoutPictures, KeepsWhatIsShown) {
  const auto request =
      std::make_shared<const GenerationRequest>(*Validate(Inpaint(Image(64, 48), Image(64, 48))).request);
  const auto without = WithoutPictures(request);
  EXPECT_NE(request->image()->data, nullptr);
  EXPECT_EQ(without->image()->data, nullptr);
  EXPECT_EQ(without->mask()->data, nullptr);
  EXPECT_EQ(without->image()->sha256, "its hash");
  EXPECT_EQ(without->prompt(), request->prompt());
  const auto text = TestRequest();
  EXPECT_EQ(WithoutPictures(text), text);
}

}  // namespace
}  // namespace latentd::core
