#include "server/engine/job_inputs.h"

#include <ATen/ops/tensor.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/core/errors.h"
#include "server/imaging/encode.h"
#include "server/imaging/open_image.h"
#include "tests/server/core/test_requests.h"

namespace latentd::engine {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

// A picture of columns: the first `dark` are black, the others white.
core::InputImage Columns(int width, int height, int dark) {
  imaging::Picture picture{.width = width, .height = height, .rgb = {}};
  for (int i = 0; i < width * height; ++i) picture.rgb.insert(picture.rgb.end(), 3, i % width < dark ? 0 : 255);
  auto file = imaging::EncodePreview(picture, core::ImageFormat::kPng, 90, "test");
  auto image = imaging::OpenImage(std::make_shared<const std::string>(std::move(file.value())), "");
  return *std::move(image);
}

std::shared_ptr<const core::GenerationRequest> Request(const core::RequestFields& fields) {
  core::ModelInfo model = core::TestModel();
  model.tasks = {core::Task::kImageToImage, core::Task::kInpaint, core::Task::kOutpaint};
  auto validated =
      core::GenerationRequest::Validate(fields, model, core::RequestLimits(), core::kTestNow, [] { return 7; });
  return std::make_shared<const core::GenerationRequest>(std::move(validated.request.value()));
}

std::vector<int> Row(const at::Tensor& plane, int64_t y) {
  std::vector<int> values;
  for (int64_t x = 0; x < plane.size(1); ++x) values.push_back(plane[y][x].item<uint8_t>());
  return values;
}

TEST(DecodeTaskInputs, BringsPicturesToTheRequestsSize) {
  core::RequestFields fields = core::TestFields();
  fields.task = core::Task::kInpaint;
  fields.image = Columns(32, 48, 16);
  fields.mask = Columns(32, 48, 8);
  fields.width = 16;
  fields.height = 24;
  const auto inputs = DecodeTaskInputs(*Request(fields));
  ASSERT_TRUE(inputs.ok()) << inputs.status();
  EXPECT_EQ(inputs->picture.sizes(), at::IntArrayRef({24, 16, 3}));
  EXPECT_THAT(Row(inputs->mask, 11),
              ElementsAre(0, 0, 0, 0, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255));
  EXPECT_EQ(inputs->strength, 1);
}

TEST(DecodeTaskInputs, AMaskByTransparencyIsReadAsSuch) {
  core::RequestFields fields = core::TestFields();
  fields.task = core::Task::kInpaint;
  fields.image = Columns(32, 32, 16);
  fields.mask = Columns(32, 32, 8);
  fields.mask_kind = core::MaskKind::kTransparent;
  const auto inputs = DecodeTaskInputs(*Request(fields));
  EXPECT_EQ(inputs.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(inputs.status().message()), HasSubstr("spec.inpaint.mask"));
  EXPECT_THAT(std::string(inputs.status().message()), HasSubstr("has no transparency"));
}

TEST(DecodeTaskInputs, AnOutpaintingRedrawsItsMargins) {
  core::RequestFields fields = core::TestFields();
  fields.task = core::Task::kOutpaint;
  fields.image = Columns(16, 16, 16);
  fields.margins = {.left = 3, .right = 5, .top = 0, .bottom = 8};
  const auto inputs = DecodeTaskInputs(*Request(fields));
  ASSERT_TRUE(inputs.ok()) << inputs.status();
  EXPECT_EQ(inputs->picture.sizes(), at::IntArrayRef({24, 24, 3}));
  EXPECT_EQ(inputs->picture.sum().item<int64_t>(), 0);  // the edges go on
  std::vector<int> inside(24, 0);
  for (const int x : {0, 1, 2, 19, 20, 21, 22, 23}) inside[x] = 255;
  EXPECT_EQ(Row(inputs->mask, 0), inside);
  EXPECT_EQ(Row(inputs->mask, 16), std::vector<int>(24, 255));
}

TEST(DecodeTaskInputs, ASmallPictureIsCutToWhatTheModelTakes) {
  core::ModelInfo model = core::TestModel();
  model.tasks = {core::Task::kSuperResolution};
  model.size_multiple = 16;
  model.upscale_factor = 4;
  model.max_noise_level = 100;
  core::RequestFields fields = core::TestFields();
  fields.task = core::Task::kSuperResolution;
  fields.image = Columns(17, 14, 9);
  fields.image->fit = core::Fit::kCrop;
  fields.noise_level = 30;
  auto validated =
      core::GenerationRequest::Validate(fields, model, core::RequestLimits(), core::kTestNow, [] { return 7; });
  ASSERT_TRUE(validated.request.has_value());
  const auto inputs = DecodeTaskInputs(*validated.request);
  ASSERT_TRUE(inputs.ok()) << inputs.status();
  EXPECT_EQ(inputs->low_res.sizes(), at::IntArrayRef({12, 16, 3}));
  EXPECT_EQ(inputs->noise_level, 30);
  EXPECT_EQ(inputs->strength, 1);
  EXPECT_FALSE(inputs->picture.defined());
}

core::AdapterUse Control(core::InputImage image) {
  core::AdapterUse use{.kind = core::AdapterKind::kControlNet, .name = "pose"};
  use.image = std::move(image);
  return use;
}

TEST(DecodeTaskInputs, PicturesOfControlNetsHaveTheRequestsSize) {
  core::RequestFields fields = core::TestFields();
  fields.width = 48;
  fields.height = 32;
  core::InputImage cropped = Columns(32, 16, 8);
  cropped.fit = core::Fit::kCrop;
  fields.adapters = {{.name = "style"}, Control(Columns(16, 64, 16)), Control(cropped)};
  const auto inputs = DecodeTaskInputs(*core::TestRequest(fields));
  ASSERT_TRUE(inputs.ok()) << inputs.status();
  EXPECT_FALSE(inputs->HasPicture());
  ASSERT_EQ(inputs->controls.size(), 2U);
  for (const at::Tensor& control : inputs->controls) EXPECT_EQ(control.sizes(), at::IntArrayRef({32, 48, 3}));
  EXPECT_EQ(inputs->controls[0].sum().item<int64_t>(), 0);
  // Doubled, and 8 columns cut off on either side.
  const std::vector<int> row = Row(inputs->controls[1].select(2, 0), 3);
  EXPECT_LT(row[4], 30);
  EXPECT_GT(row[11], 225);

  std::string damaged = *fields.adapters[2].image->data;
  damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 0x55);
  fields.adapters[2].image->data = std::make_shared<const std::string>(damaged);
  const absl::Status status = DecodeTaskInputs(*core::TestRequest(fields)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(core::GetErrorDetails(status).violations.at(0).field, "spec.controls[1].image");
}

TEST(DecodeTaskInputs, ADamagedFileIsNamedByItsField) {
  core::RequestFields fields = core::TestFields();
  fields.task = core::Task::kInpaint;
  fields.image = Columns(32, 32, 16);
  fields.mask = Columns(32, 32, 8);
  std::string damaged = *fields.mask->data;
  damaged[damaged.size() / 2] = static_cast<char>(damaged[damaged.size() / 2] ^ 0x55);
  fields.mask->data = std::make_shared<const std::string>(damaged);
  const absl::Status status = DecodeTaskInputs(*Request(fields)).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  ASSERT_EQ(core::GetErrorDetails(status).violations.size(), 1U);
  EXPECT_EQ(core::GetErrorDetails(status).violations[0].field, "spec.inpaint.mask");
  EXPECT_THAT(std::string(status.message()), HasSubstr("spec.inpaint.mask"));
}

}  // namespace
}  // namespace latentd::engine
