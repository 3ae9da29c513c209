#include "server/core/adapter_fields.h"

#include <gmock/gmock.h>

#include <limits>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/core/errors.h"

namespace latentd::core {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

std::vector<std::string> WrongFields(const std::vector<AdapterUse>& adapters) {
  std::vector<FieldViolation> violations;
  CheckAdapters(adapters, violations);
  std::vector<std::string> fields;
  fields.reserve(violations.size());
  for (const FieldViolation& violation : violations) fields.push_back(violation.field);
  return fields;
}

TEST(AdapterFields, AScaleIsANumberOfEitherSign) {
  EXPECT_THAT(WrongFields({{.name = "a", .scale = -0.5}, {.name = "b", .scale = 10}}), IsEmpty());
  EXPECT_THAT(WrongFields({{.name = "a", .scale = 10.5},
                           {.name = "b", .scale = std::numeric_limits<double>::quiet_NaN()},
                           {.name = "c", .scale = -std::numeric_limits<double>::infinity()}}),
              ElementsAre("spec.loras[0].scale", "spec.loras[1].scale", "spec.loras[2].scale"));
}

TEST(AdapterFields, EachKindCountsByItself) {
  EXPECT_THAT(WrongFields({{.name = "a"}, {.kind = AdapterKind::kControlNet, .name = ""}, {.name = ""}}),
              ElementsAre("spec.controls[0].name", "spec.loras[1].name"));
}

TEST(AdapterFields, ALoraOrAnEmbeddingIsThereOnce) {
  EXPECT_THAT(WrongFields({{.name = "a"}, {.name = "b"}, {.name = "a"}}), ElementsAre("spec.loras[2].name"));
  EXPECT_THAT(
      WrongFields({{.kind = AdapterKind::kEmbedding, .name = "a"}, {.kind = AdapterKind::kEmbedding, .name = "a"}}),
      ElementsAre("spec.embeddings[1]"));
  // Two pictures may steer through one ControlNet.
  EXPECT_THAT(
      WrongFields({{.kind = AdapterKind::kControlNet, .name = "a"}, {.kind = AdapterKind::kControlNet, .name = "a"}}),
      IsEmpty());
}

TEST(AdapterFields, FiftyLorasAreTooMany) {
  EXPECT_EQ(CheckAdapterCount(AdapterKind::kLora, 16), std::nullopt);
  EXPECT_EQ(CheckAdapterCount(AdapterKind::kLora, 50).value().field, "spec.loras");
}

TEST(AdapterFields, AnImagePromptIsAPictureThatIsNotFitted) {
  const auto prompt = [](InputImage image, double scale = 1) {
    return AdapterUse{.kind = AdapterKind::kImagePrompt, .name = "a", .scale = scale, .image = std::move(image)};
  };
  const InputImage picture{.width = 8, .height = 8};
  // One adapter may look at several pictures.
  EXPECT_THAT(WrongFields({prompt(picture), prompt(picture, -0.5)}), IsEmpty());
  EXPECT_THAT(
      WrongFields({prompt(picture), prompt({.latent = LatentShape{.channels = 4}}), prompt({.fit = Fit::kPad}),
                   prompt(picture, 11)}),
      ElementsAre("spec.image_prompts[1].image", "spec.image_prompts[2].image.fit", "spec.image_prompts[3].scale"));
}

TEST(AdapterFields, NamesAreShortText) {
  EXPECT_THAT(WrongFields({{.name = std::string(129, 'x')}, {.name = "\xff"}}),
              ElementsAre("spec.loras[0].name", "spec.loras[1].name"));
}

class FourAdapters : public AdapterCatalog {
 public:
  std::vector<AdapterInfo> ListAdapters() const override {
    AdapterInfo wreck{.name = "wreck"};
    wreck.error = absl::DataLossError("its header is cut off");
    return {{.name = "any"},
            {.name = "one", .architecture = "stable-diffusion-1"},
            {.name = "two", .architecture = "stable-diffusion-2"},
            wreck};
  }
  absl::StatusOr<AdapterInfo> FindAdapter(const std::string& name) const override {
    for (const AdapterInfo& info : ListAdapters()) {
      if (info.name == name) return info;
    }
    return MakeError(absl::StatusCode::kNotFound, "no such", {.reason = "ADAPTER_NOT_FOUND"});
  }
};

absl::Status Check(const AdapterUse& use) {
  ModelInfo model{.name = "sd15"};
  model.architecture = "stable-diffusion-1";
  return CheckAdaptersExist({use}, model, FourAdapters());
}

TEST(AdapterFields, AnAdapterMustBeThereAndFit) {
  EXPECT_TRUE(Check({.name = "any"}).ok());
  EXPECT_TRUE(Check({.name = "one"}).ok());
  EXPECT_EQ(Check({.name = "ghost"}).code(), absl::StatusCode::kNotFound);
  const absl::Status other = Check({.name = "two"});
  EXPECT_EQ(other.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_EQ(GetErrorDetails(other).reason, "ADAPTER_UNFIT");
  EXPECT_THAT(std::string(other.message()), HasSubstr("spec.loras[0].name"));
  EXPECT_THAT(std::string(other.message()), HasSubstr("sd15 takes: any, one"));
  const absl::Status wreck = Check({.name = "wreck"});
  EXPECT_EQ(GetErrorDetails(wreck).reason, "ADAPTER_UNUSABLE");
  EXPECT_THAT(std::string(wreck.message()), HasSubstr("its header is cut off"));
  const absl::Status kind = Check({.kind = AdapterKind::kControlNet, .name = "one"});
  EXPECT_THAT(std::string(kind.message()),
              HasSubstr("spec.controls[0].name: the adapter one is a LoRA, not a ControlNet"));
  EXPECT_THAT(std::string(kind.message()), HasSubstr("takes: none"));
}

}  // namespace
}  // namespace latentd::core
