#include "server/core/control_fields.h"

#include <gmock/gmock.h>

#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "server/core/adapter_fields.h"
#include "tests/server/core/test_requests.h"

namespace latentd::core {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

AdapterUse Control(double start, double end) {
  AdapterUse use{.kind = AdapterKind::kControlNet, .name = "pose"};
  use.image = InputImage{.data = std::make_shared<const std::string>("a file"), .width = 64, .height = 48};
  use.start = start;
  use.end = end;
  return use;
}

std::vector<std::string> WrongFields(const RequestFields& fields) {
  ModelInfo model = TestModel();
  model.tasks = {Task::kTextToImage, Task::kUnconditional};
  std::vector<std::string> names;
  const auto validated = GenerationRequest::Validate(fields, model, RequestLimits(), kTestNow, [] { return 7; });
  for (const FieldViolation& violation : validated.violations) names.push_back(violation.field);
  return names;
}

RequestFields With(std::vector<AdapterUse> controls) {
  RequestFields fields = TestFields();
  fields.task = Task::kTextToImage;
  fields.adapters = std::move(controls);
  return fields;
}

TEST(ControlFields, AShareOfTheStepsLiesInThem) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THAT(WrongFields(With({Control(0, 1), Control(0.2, 0.3), Control(0.99, 1)})), IsEmpty());
  EXPECT_THAT(
      WrongFields(With({Control(-0.1, 0.5), Control(0.5, 1.1), Control(nan, nan)})),
      ElementsAre("spec.controls[0].start", "spec.controls[1].end", "spec.controls[2].start", "spec.controls[2].end"));
  EXPECT_THAT(WrongFields(With({Control(0.5, 0.5), Control(0, 1), Control(0.7, 0.2)})),
              ElementsAre("spec.controls[0].start", "spec.controls[2].start"));
}

TEST(ControlFields, AScaleIsLimited) {
  std::vector<AdapterUse> controls = {Control(0, 1), Control(0, 1)};
  controls[0].scale = -10;
  controls[1].scale = 10.5;
  EXPECT_THAT(WrongFields(With(controls)), ElementsAre("spec.controls[1].scale"));
}

TEST(ControlFields, NineAreTooMany) {
  EXPECT_THAT(WrongFields(With(std::vector<AdapterUse>(8, Control(0, 1)))), IsEmpty());
  EXPECT_EQ(CheckAdapterCount(AdapterKind::kControlNet, 8), std::nullopt);
  const auto violation = CheckAdapterCount(AdapterKind::kControlNet, 9);
  ASSERT_TRUE(violation.has_value());
  EXPECT_EQ(violation->field, "spec.controls");
  EXPECT_EQ(violation->description, "must have at most 8 entries; got 9");
}

TEST(ControlFields, APictureThatIsNotToBeFittedHasTheRequestsSize) {
  RequestFields fields = With({Control(0, 1), Control(0, 1)});
  fields.adapters[1].image->fit = Fit::kRefuse;
  EXPECT_THAT(WrongFields(fields), ElementsAre("spec.controls[1].image"));
  fields.width = 64;
  fields.height = 48;
  EXPECT_THAT(WrongFields(fields), IsEmpty());
}

TEST(ControlFields, ALatentIsNoPicture) {
  RequestFields fields = With({Control(0, 1)});
  fields.adapters[0].image->latent = LatentShape{.channels = 4, .width = 8, .height = 6};
  EXPECT_THAT(WrongFields(fields), ElementsAre("spec.controls[0].image"));
}

TEST(ControlFields, TasksWithoutTextAreNotSteered) {
  RequestFields fields = With({Control(0, 1), Control(0, 1)});
  fields.task = Task::kUnconditional;
  fields.prompt = "";
  fields.guidance_scale = 1;
  EXPECT_THAT(WrongFields(fields), ElementsAre("spec.controls"));
}

TEST(ControlFields, PicturesAreKeptWithTheRequestOnly) {
  RequestFields fields = With({Control(0, 1)});
  EXPECT_THAT(PicturesOf(fields), testing::SizeIs(1));
  const auto without = WithoutPictures(TestRequest(fields));
  ASSERT_THAT(without->adapters(), testing::SizeIs(1));
  EXPECT_EQ(without->adapters()[0].image->data, nullptr);
  EXPECT_EQ(without->adapters()[0].image->width, 64);
}

}  // namespace
}  // namespace latentd::core
