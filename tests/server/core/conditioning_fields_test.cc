#include "server/core/conditioning_fields.h"

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

ModelInfo Base() {
  ModelInfo model = TestModel();
  model.takes_prompt_2 = true;
  model.takes_size_conditioning = true;
  return model;
}

ModelInfo Refiner() {
  ModelInfo model = TestModel();
  model.takes_size_conditioning = true;
  model.takes_aesthetic_score = true;
  return model;
}

GenerationRequest::Validated Validate(const RequestFields& fields, const ModelInfo& model) {
  return GenerationRequest::Validate(fields, model, RequestLimits(), kTestNow, [] { return 7; });
}

std::vector<std::string> WrongFields(const RequestFields& fields, const ModelInfo& model) {
  std::vector<std::string> names;
  for (const FieldViolation& violation : Validate(fields, model).violations) names.push_back(violation.field);
  return names;
}

TEST(ConditioningFields, ByDefaultThePictureWasMadeAsItIs) {
  RequestFields fields = TestFields();
  fields.width = 64;
  fields.height = 48;
  const auto validated = Validate(fields, Base());
  for (const auto& sizes : {validated.request->size_conditioning(), validated.request->negative_size_conditioning()}) {
    EXPECT_EQ(sizes->original_width, 64);
    EXPECT_EQ(sizes->original_height, 48);
    EXPECT_EQ(sizes->crop_left, 0);
    EXPECT_EQ(sizes->crop_top, 0);
    EXPECT_EQ(sizes->target_width, 64);
    EXPECT_EQ(sizes->target_height, 48);
    EXPECT_FALSE(sizes->aesthetic_score);
  }
}

TEST(ConditioningFields, TheOtherSideIsToldTheSameUnlessItSaysMore) {
  RequestFields fields = TestFields();
  fields.size_conditioning = {
      .original_width = 300, .original_height = 200, .crop_left = 5, .crop_top = 6, .target_width = 90};
  const auto same = Validate(fields, Base()).request->negative_size_conditioning();
  EXPECT_EQ(same->original_width, 300);
  EXPECT_EQ(same->original_height, 200);
  EXPECT_EQ(same->crop_left, 5);
  EXPECT_EQ(same->crop_top, 6);
  EXPECT_EQ(same->target_width, 90);
  EXPECT_EQ(same->target_height, 64);
  fields.negative_size_conditioning = {.original_width = 40};
  const auto other = Validate(fields, Base()).request->negative_size_conditioning();
  EXPECT_EQ(other->original_width, 40);
  EXPECT_EQ(other->original_height, 200);
  EXPECT_EQ(other->crop_left, 0);
}

TEST(ConditioningFields, ARefinerHasScoresInsteadOfATarget) {
  RequestFields fields = TestFields();
  fields.size_conditioning = {.crop_left = 5};
  const auto request = Validate(fields, Refiner()).request;
  EXPECT_EQ(request->size_conditioning()->aesthetic_score, 6);
  EXPECT_EQ(request->negative_size_conditioning()->aesthetic_score, 2.5);
  EXPECT_EQ(request->negative_size_conditioning()->crop_left, 0);
  EXPECT_EQ(request->size_conditioning()->target_width, 0);
  fields.size_conditioning->target_height = 64;
  fields.negative_size_conditioning = {.aesthetic_score = std::numeric_limits<double>::quiet_NaN()};
  EXPECT_THAT(WrongFields(fields, Refiner()),
              ElementsAre("spec.size_conditioning.target_height", "spec.negative_size_conditioning.aesthetic_score"));
}

TEST(ConditioningFields, ABaseHasNoScore) {
  RequestFields fields = TestFields();
  fields.size_conditioning = {.aesthetic_score = 6};
  const auto violations = Validate(fields, Base()).violations;
  ASSERT_EQ(violations.size(), 1u);
  EXPECT_EQ(violations[0].field, "spec.size_conditioning.aesthetic_score");
  EXPECT_THAT(violations[0].description, HasSubstr("takes a target size"));
}

TEST(ConditioningFields, SizesAreBounded) {
  RequestFields fields = TestFields();
  fields.size_conditioning = {.original_width = -1, .crop_top = 65537, .target_width = 65537};
  fields.negative_size_conditioning.emplace();
  EXPECT_THAT(WrongFields(fields, Base()),
              testing::IsSupersetOf({"spec.size_conditioning.original_width", "spec.size_conditioning.crop_top",
                                     "spec.size_conditioning.target_width"}));
}

TEST(ConditioningFields, OtherModelsTakeNoneOfIt) {
  RequestFields fields = TestFields();
  fields.size_conditioning.emplace();
  fields.negative_size_conditioning.emplace();
  fields.prompt_2 = "a green house";
  fields.negative_prompt_2 = "red";
  EXPECT_THAT(WrongFields(fields, TestModel()),
              ElementsAre("spec.prompt_2", "spec.negative_prompt_2", "spec.size_conditioning",
                          "spec.negative_size_conditioning"));
  EXPECT_THAT(WrongFields(fields, Refiner()), ElementsAre("spec.prompt_2", "spec.negative_prompt_2"));
  EXPECT_THAT(WrongFields(fields, Base()), IsEmpty());
  EXPECT_FALSE(Validate(TestFields(), TestModel()).request->size_conditioning());
}

}  // namespace
}  // namespace latentd::core
