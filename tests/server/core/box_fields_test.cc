#include "server/core/box_fields.h"

#include <gmock/gmock.h>

#include <limits>
#include <string>
#include <vector>

namespace latentd::core {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

const PhraseBox kCat{.phrase = "a cat", .x0 = 0.1, .y0 = 0, .x1 = 0.5, .y1 = 1};

std::vector<std::string> WrongFields(std::vector<PhraseBox> boxes, std::optional<double> beta = {}) {
  RequestFields fields;
  fields.task = Task::kBoxesToImage;
  fields.boxes = std::move(boxes);
  fields.scheduled_sampling_beta = beta;
  std::vector<FieldViolation> violations;
  CheckBoxes(fields, violations);
  std::vector<std::string> names;
  for (const FieldViolation& violation : violations) {
    EXPECT_FALSE(violation.description.empty());
    names.push_back(violation.field);
  }
  return names;
}

PhraseBox With(double PhraseBox::*side, double value) {
  PhraseBox box = kCat;
  box.*side = value;
  return box;
}

TEST(BoxFields, WholePicturesAndThirtyBoxesAreFine) {
  EXPECT_THAT(WrongFields({kCat}), IsEmpty());
  EXPECT_THAT(WrongFields({{.phrase = "all", .x0 = 0, .y0 = 0, .x1 = 1, .y1 = 1}}, 1), IsEmpty());
  EXPECT_THAT(WrongFields(std::vector<PhraseBox>(30, kCat), 0), IsEmpty());
}

TEST(BoxFields, NoneAndMoreThanThirtyAreNot) {
  EXPECT_THAT(WrongFields({}), ElementsAre("spec.boxes_to_image.boxes"));
  EXPECT_THAT(WrongFields(std::vector<PhraseBox>(31, PhraseBox())), ElementsAre("spec.boxes_to_image.boxes"));
}

TEST(BoxFields, SidesAreSharesInOrder) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const double value : {nan, -0.01, 1.01, std::numeric_limits<double>::infinity()}) {
    EXPECT_THAT(WrongFields({kCat, With(&PhraseBox::x0, value)}), ElementsAre("spec.boxes_to_image.boxes[1].x0"));
    EXPECT_THAT(WrongFields({With(&PhraseBox::y0, value)}), ElementsAre("spec.boxes_to_image.boxes[0].y0"));
    EXPECT_THAT(WrongFields({With(&PhraseBox::x1, value)}), ElementsAre("spec.boxes_to_image.boxes[0].x1"));
    EXPECT_THAT(WrongFields({With(&PhraseBox::y1, value)}), ElementsAre("spec.boxes_to_image.boxes[0].y1"));
  }
  EXPECT_THAT(WrongFields({With(&PhraseBox::x1, 0.1)}), ElementsAre("spec.boxes_to_image.boxes[0].x1"));
  EXPECT_THAT(WrongFields({With(&PhraseBox::y1, 0)}), ElementsAre("spec.boxes_to_image.boxes[0].y1"));
}

TEST(BoxFields, APhraseSaysSomething) {
  for (const std::string& phrase : {std::string(), std::string(" \t"), std::string("\xff"), std::string(1025, 'a')}) {
    PhraseBox box = kCat;
    box.phrase = phrase;
    EXPECT_THAT(WrongFields({box}), ElementsAre("spec.boxes_to_image.boxes[0].phrase"));
  }
}

TEST(BoxFields, TheGroundedShareIsOne) {
  for (const double beta : {-0.1, 1.1, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_THAT(WrongFields({kCat}, beta), ElementsAre("spec.boxes_to_image.scheduled_sampling_beta"));
  }
  RequestFields fields;
  fields.task = Task::kBoxesToImage;
  fields.boxes = {kCat};
  std::vector<FieldViolation> violations;
  CheckBoxes(fields, violations);
  EXPECT_EQ(fields.scheduled_sampling_beta, 0.3);
}

}  // namespace
}  // namespace latentd::core
