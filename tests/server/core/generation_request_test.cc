#include "server/core/generation_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "server/core/utf8.h"
#include "tests/server/core/test_requests.h"

namespace latentd::core {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr int64_t kLargestSeed = std::numeric_limits<int64_t>::max();

GenerationRequest::Validated Validate(const RequestFields& fields) {
  return GenerationRequest::Validate(fields, TestModel(), RequestLimits(), kTestNow, [] { return 4'000'000'000u; });
}

// The fields that are refused, with what `change` makes of a request that is otherwise fine.
template <typename Change>
std::vector<std::string> Refused(const Change& change) {
  RequestFields fields = TestFields();
  change(fields);
  const GenerationRequest::Validated validated = Validate(fields);
  EXPECT_EQ(validated.request.has_value(), validated.violations.empty());
  std::vector<std::string> names;
  for (const FieldViolation& violation : validated.violations) {
    names.push_back(violation.field);
    EXPECT_FALSE(violation.description.empty());
    EXPECT_LT(violation.description.size(), 400) << "whatever was sent";
    EXPECT_TRUE(CountCharacters(violation.description).has_value()) << "is UTF-8 whatever was sent";
  }
  return names;
}

template <typename Change>
std::string Description(const Change& change) {
  RequestFields fields = TestFields();
  change(fields);
  const auto violations = Validate(fields).violations;
  return violations.size() == 1 ? violations[0].description : absl::StrCat(violations.size(), " violations");
}

#define EXPECT_REFUSED(field, change) \
  EXPECT_THAT(Refused([](RequestFields& f) { change; }), ElementsAre(field)) << #change
#define EXPECT_TAKEN(change) EXPECT_THAT(Refused([](RequestFields& f) { change; }), IsEmpty()) << #change

TEST(GenerationRequestTest, WhatIsLeftOutIsFilledIn) {
  const GenerationRequest request = *Validate(TestFields()).request;
  EXPECT_EQ(request.model(), "pictograms");
  EXPECT_EQ(request.width(), 64);
  EXPECT_EQ(request.height(), 64);
  EXPECT_EQ(request.num_images(), 1);
  EXPECT_EQ(request.seed(), 4'000'000'000) << "drawn";
  EXPECT_EQ(request.steps(), 25);
  EXPECT_EQ(request.sampler(), "euler");
  EXPECT_EQ(request.sigmas(), "karras");
  EXPECT_EQ(request.guidance_scale(), 3.5);
  EXPECT_TRUE(request.guided());
  EXPECT_EQ(request.preview_every_steps(), 1);
  EXPECT_EQ(request.preview_format(), ImageFormat::kJpeg);
  EXPECT_EQ(request.output_format(), ImageFormat::kPng);
  EXPECT_EQ(request.output_quality(), 90);
  EXPECT_EQ(request.timeout(), RequestLimits().max_timeout);
  EXPECT_EQ(request.expire_time(), std::nullopt);
}

TEST(GenerationRequestTest, WhatIsGivenStays) {
  RequestFields fields = TestFields();
  fields.width = 128;
  fields.height = 32;
  fields.num_images = 3;
  fields.seed = 0;
  fields.steps = 7;
  fields.sampler = "dpmpp_2m";
  fields.sigmas = "default";
  fields.guidance_scale = 1;
  fields.timeout = absl::Seconds(3);
  const GenerationRequest request = *Validate(fields).request;
  EXPECT_EQ(request.width(), 128);
  EXPECT_EQ(request.height(), 32);
  EXPECT_EQ(request.num_images(), 3);
  EXPECT_EQ(request.seed(), 0);
  EXPECT_EQ(request.steps(), 7);
  EXPECT_EQ(request.sampler(), "dpmpp_2m");
  EXPECT_EQ(request.sigmas(), "default");
  EXPECT_FALSE(request.guided());
  EXPECT_EQ(request.timeout(), absl::Seconds(3));
}

TEST(GenerationRequestTest, AModelThatEmbedsTheGuidanceTakesOneLaneAndNoNegativePrompt) {
  ModelInfo model = TestModel();
  model.embeds_guidance = true;
  RequestFields fields = TestFields();
  fields.guidance_scale = 8.5;
  const auto validate = [&] {
    return GenerationRequest::Validate(fields, model, RequestLimits(), kTestNow, [] { return 7; });
  };
  EXPECT_FALSE(validate().request.value().guided());
  EXPECT_EQ(validate().request.value().guidance_scale(), 8.5);
  fields.negative_prompt = "green";
  const auto violations = validate().violations;
  ASSERT_EQ(violations.size(), 1u);
  EXPECT_EQ(violations[0].field, "spec.negative_prompt");
}

TEST(GenerationRequestTest, WhereStrengthShortensTheScheduleItBoundsTheSteps) {
  ModelInfo model = TestModel();
  model.tasks = {Task::kImageToImage, Task::kInpaint};
  model.samplers = {
      {.name = "lcm", .sigmas = {"default"}, .max_steps = 50, .shortened_by_strength = true},
      {.name = "ddim", .sigmas = {"default"}, .max_steps = 50},
  };
  model.default_sampler = "lcm";
  model.default_sigmas = "default";
  RequestFields fields = TestFields();
  fields.task = Task::kImageToImage;
  fields.image = InputImage{.data = std::make_shared<const std::string>("x"), .width = 64, .height = 64};
  const auto names = [&] {
    std::vector<std::string> fields_named;
    for (const auto& violation :
         GenerationRequest::Validate(fields, model, RequestLimits(), kTestNow, [] { return 7; }).violations) {
      fields_named.push_back(violation.field);
    }
    return fields_named;
  };
  fields.strength = 0.3;
  fields.steps = 15;
  EXPECT_THAT(names(), IsEmpty());
  fields.steps = 16;
  EXPECT_THAT(names(), ElementsAre("spec.steps"));
  fields.sampler = "ddim";
  EXPECT_THAT(names(), IsEmpty());
  fields.sampler = "lcm";
  fields.steps = 0;  // the default of 25 is cut
  EXPECT_EQ(GenerationRequest::Validate(fields, model, RequestLimits(), kTestNow, [] { return 7; }).request->steps(),
            15);
  for (const double strength : {0.0, 0.019}) {
    fields.strength = strength;
    EXPECT_THAT(names(), ElementsAre("spec.image_to_image.strength")) << strength;
  }
  fields.strength = std::nan("");
  EXPECT_THAT(names(), ElementsAre("spec.image_to_image.strength"));
}

TEST(GenerationRequestTest, EveryViolationIsReportedAtOnce) {
  const auto break_everything = [](RequestFields& f) {
    f.prompt = "\xff";
    f.negative_prompt = std::string(100'000, 'x');
    f.clip_skip = 99;
    f.width = 65;
    f.height = -8;
    f.num_images = -1;
    f.seed = -1;
    f.steps = 10'000;
    f.sampler = "nonesuch";
    f.guidance_scale = std::nan("");
    f.guidance_rescale = 2;
    f.eta = -0.5;
    f.preview_every_steps = -1;
    f.preview_max_edge = 100'000;
    f.output_quality = 101;
    f.timeout = absl::ZeroDuration();
    f.priority = 11;
    f.labels = {{"", "v"}};
    f.expire_time = kTestNow;
  };
  EXPECT_THAT(Refused(break_everything),
              UnorderedElementsAre("spec.prompt", "spec.negative_prompt", "spec.clip_skip", "spec.width", "spec.height",
                                   "spec.num_images", "spec.seed", "spec.steps", "spec.sampler", "spec.guidance_scale",
                                   "spec.guidance_rescale", "spec.eta", "spec.preview.every_steps",
                                   "spec.preview.max_edge", "spec.output.quality", "options.timeout",
                                   "options.priority", "options.labels", "options.expire_time"));
}

TEST(GenerationRequestTest, PromptsAreUtf8OfBoundedLength) {
  EXPECT_TAKEN(f.prompt = "");
  EXPECT_TAKEN(f.prompt = std::string(8192, 'x'));
  EXPECT_TAKEN(f.prompt = ""; for (int i = 0; i < 8192; ++i) f.prompt += "\u00e9");
  EXPECT_REFUSED("spec.prompt", f.prompt = "xx" + std::string(8192, 'x'));
  EXPECT_REFUSED("spec.prompt", f.prompt = "caf\xe9");
  EXPECT_REFUSED("spec.negative_prompt", f.negative_prompt = "\xed\xa0\x80");
}

TEST(GenerationRequestTest, SizesAreMultiplesWithinTheModelsLimits) {
  EXPECT_TAKEN(f.width = 16);
  EXPECT_TAKEN(f.width = 512; f.height = 256);
  for (const int bad : {-64, -1, 8, 63, 65, 513, 520, 1'000'000, std::numeric_limits<int>::max()}) {
    EXPECT_THAT(Refused([&](RequestFields& f) { f.width = bad; }), ElementsAre("spec.width")) << bad;
    EXPECT_THAT(Refused([&](RequestFields& f) { f.height = bad; }), ElementsAre("spec.height")) << bad;
  }
  EXPECT_THAT(Description([](RequestFields& f) { f.width = 513; }),
              AllOf(HasSubstr("multiple of 8"), HasSubstr("from 16 to 512"), HasSubstr("513")));
}

TEST(GenerationRequestTest, WidthTimesHeightIsBoundedByTheModel) {
  EXPECT_REFUSED("spec.width", f.width = 512; f.height = 512);
  EXPECT_THAT(Description([](RequestFields& f) { f.width = f.height = 512; }), HasSubstr("at most 131072 pixels"));
}

TEST(GenerationRequestTest, SeedsOfAllImagesFitInto63Bits) {
  EXPECT_TAKEN(f.seed = kLargestSeed);
  EXPECT_TAKEN(f.seed = kLargestSeed - 3; f.num_images = 4);
  EXPECT_REFUSED("spec.seed", f.seed = kLargestSeed - 2; f.num_images = 4);
  EXPECT_REFUSED("spec.seed", f.seed = -1);
}

TEST(GenerationRequestTest, NumberOfImagesIsBounded) {
  EXPECT_TAKEN(f.num_images = 64);
  EXPECT_REFUSED("spec.num_images", f.num_images = 65);
  EXPECT_REFUSED("spec.num_images", f.num_images = -1);
}

TEST(GenerationRequestTest, StepsAreBoundedByTheServerAndTheSampler) {
  EXPECT_TAKEN(f.steps = 1);
  EXPECT_TAKEN(f.steps = 1000);
  EXPECT_REFUSED("spec.steps", f.steps = 1001);
  EXPECT_REFUSED("spec.steps", f.steps = -1);

  ModelInfo model = TestModel();
  model.samplers[1].max_steps = 50;
  RequestFields fields = TestFields();
  fields.sampler = model.samplers[1].name;
  fields.steps = 51;
  const auto validated = GenerationRequest::Validate(fields, model, RequestLimits(), kTestNow, [] { return 7; });
  ASSERT_EQ(validated.violations.size(), 1);
  EXPECT_EQ(validated.violations[0].description, "must be from 1 to 50; got 51");
}

TEST(GenerationRequestTest, SomeSamplersWantAFewStepsAtLeast) {
  ModelInfo model = TestModel();
  model.samplers[1].min_steps = 4;
  RequestFields fields = TestFields();
  fields.sampler = model.samplers[1].name;
  fields.steps = 3;
  const auto validated = GenerationRequest::Validate(fields, model, RequestLimits(), kTestNow, [] { return 7; });
  ASSERT_EQ(validated.violations.size(), 1);
  EXPECT_EQ(validated.violations[0].description, "must be from 4 to 1000; got 3");
}

TEST(GenerationRequestTest, DefaultStepsAreOnesThatTheSamplerTakes) {
  ModelInfo model = TestModel();
  model.samplers[1].max_steps = 24;
  const auto validated = GenerationRequest::Validate(TestFields(), model, RequestLimits(), kTestNow, [] { return 7; });
  ASSERT_TRUE(validated.request.has_value());
  EXPECT_EQ(validated.request->steps(), 24);
}

TEST(GenerationRequestTest, EtaIsForTheSamplersThatTakeIt) {
  EXPECT_TAKEN(f.sampler = "ddim"; f.eta = 0.5);
  EXPECT_REFUSED("spec.eta", f.sampler = "euler"; f.eta = 0.5);
  EXPECT_REFUSED("spec.eta", f.sampler = "euler"; f.eta = std::nan(""));
}

TEST(GenerationRequestTest, WithoutAModelWhatDoesNotDependOnItIsChecked) {
  RequestFields fields = TestFields();
  fields.width = 63;
  fields.sampler = "nonesuch";
  fields.prompt = "\xff";
  fields.steps = 1001;
  fields.guidance_scale = -1;
  fields.priority = 11;
  std::vector<std::string> names;
  for (const FieldViolation& violation : GenerationRequest::CheckWithoutModel(fields, RequestLimits(), kTestNow)) {
    names.push_back(violation.field);
  }
  EXPECT_THAT(names, UnorderedElementsAre("spec.prompt", "spec.steps", "spec.guidance_scale", "options.priority"));
  EXPECT_THAT(GenerationRequest::CheckWithoutModel(TestFields(), RequestLimits(), kTestNow), IsEmpty());
}

TEST(GenerationRequestTest, SamplerIsOneThatTheModelTakes) {
  EXPECT_THAT(Description([](RequestFields& f) { f.sampler = "lms"; }),
              AllOf(HasSubstr("ddim, euler, dpmpp_2m"), HasSubstr("\"lms\"")));
  EXPECT_REFUSED("spec.sampler", f.sampler = std::string(100'000, '\xff'));
}

TEST(GenerationRequestTest, SigmasAreOnesThatTheSamplerTakes) {
  EXPECT_TAKEN(f.sampler = "dpmpp_2m"; f.sigmas = "karras");
  EXPECT_REFUSED("spec.sigmas", f.sampler = "ddim"; f.sigmas = "karras");
  EXPECT_THAT(Description([](RequestFields& f) { f.sigmas = "beta"; }), HasSubstr("default, karras"));
}

TEST(GenerationRequestTest, ModelsOwnSigmasGiveWayToAnotherSamplersOwn) {
  RequestFields fields = TestFields();
  fields.sampler = "ddim";
  EXPECT_EQ(Validate(fields).request->sigmas(), "default");
}

TEST(GenerationRequestTest, RealNumbersAreFiniteAndInRange) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  for (const double bad : {std::nan(""), kInfinity, -kInfinity, -0.001, 100.001}) {
    EXPECT_THAT(Refused([&](RequestFields& f) { f.guidance_scale = bad; }), ElementsAre("spec.guidance_scale"));
    EXPECT_THAT(Refused([&](RequestFields& f) { f.guidance_rescale = bad; }), ElementsAre("spec.guidance_rescale"));
    EXPECT_THAT(Refused([&](RequestFields& f) { f.eta = bad; }), ElementsAre("spec.eta"));
  }
  EXPECT_TAKEN(f.guidance_scale = 0);
  EXPECT_TAKEN(f.guidance_scale = 100);
  EXPECT_TAKEN(f.guidance_rescale = 1; f.sampler = "ddim"; f.eta = 1);
  EXPECT_REFUSED("spec.eta", f.eta = 1.5);
}

TEST(GenerationRequestTest, ClipSkipLeavesALayer) {
  EXPECT_TAKEN(f.clip_skip = 3);
  EXPECT_REFUSED("spec.clip_skip", f.clip_skip = 4);
  EXPECT_REFUSED("spec.clip_skip", f.clip_skip = -1);
}

// The fields that are refused by a model whose prompts must not hold "!".
std::vector<FieldViolation> RefusedBySyntax(const RequestFields& fields) {
  ModelInfo model = TestModel();
  model.prompt_fault = [](const std::string& prompt) {
    return prompt.find('!') == prompt.npos ? std::string() : absl::StrCat("no \"!\" at ", prompt.find('!'));
  };
  return GenerationRequest::Validate(fields, model, RequestLimits(), kTestNow, [] { return 7; }).violations;
}

TEST(GenerationRequestTest, PromptsHaveTheModelsSyntax) {
  RequestFields fields = TestFields();
  EXPECT_THAT(RefusedBySyntax(fields), IsEmpty());
  fields.prompt = "red!";
  fields.negative_prompt = "!";
  const std::vector<FieldViolation> violations = RefusedBySyntax(fields);
  ASSERT_EQ(violations.size(), 2u);
  EXPECT_EQ(violations[0].field, "spec.prompt");
  EXPECT_THAT(violations[0].description, AllOf(HasSubstr("no \"!\" at 3"), HasSubstr("literal_prompt")));
  EXPECT_EQ(violations[1].field, "spec.negative_prompt");
}

TEST(GenerationRequestTest, LiteralPromptsHaveNoSyntax) {
  RequestFields fields = TestFields();
  fields.prompt = "red!";
  fields.literal_prompt = true;
  EXPECT_THAT(RefusedBySyntax(fields), IsEmpty());
}

TEST(GenerationRequestTest, OneFaultOfAPromptIsEnough) {
  RequestFields fields = TestFields();
  fields.prompt = std::string(8193, '!');
  fields.negative_prompt = "!\xff";
  const std::vector<FieldViolation> violations = RefusedBySyntax(fields);
  ASSERT_EQ(violations.size(), 2u);
  EXPECT_THAT(violations[0].description, HasSubstr("8192"));
  EXPECT_THAT(violations[1].description, HasSubstr("UTF-8"));
}

TEST(GenerationRequestTest, PreviewsAndOutputsAreInRange) {
  EXPECT_TAKEN(f.preview_max_edge = 2048; f.preview_every_steps = 1000; f.output_quality = 1);
  EXPECT_REFUSED("spec.preview.max_edge", f.preview_max_edge = 2049);
  EXPECT_REFUSED("spec.preview.max_edge", f.preview_max_edge = -1);
  EXPECT_REFUSED("spec.preview.every_steps", f.preview_every_steps = -1);
  EXPECT_REFUSED("spec.output.quality", f.output_quality = -1);
}

TEST(GenerationRequestTest, OptionsAreInRange) {
  EXPECT_TAKEN(f.timeout = absl::Nanoseconds(1));
  EXPECT_REFUSED("options.timeout", f.timeout = absl::Seconds(-1));
  EXPECT_REFUSED("options.timeout", f.timeout = absl::InfiniteDuration());
  EXPECT_TAKEN(f.priority = -10);
  EXPECT_REFUSED("options.priority", f.priority = -11);
  EXPECT_TAKEN(f.expire_time = kTestNow + absl::Nanoseconds(1));
  EXPECT_REFUSED("options.expire_time", f.expire_time = kTestNow);
  EXPECT_TAKEN((f.single_flight = true, f.seed = 7));
  EXPECT_REFUSED("options.single_flight", (f.single_flight = true, f.seed = std::nullopt));
  EXPECT_REFUSED("options.expire_time", f.expire_time = absl::InfinitePast());
}

TEST(GenerationRequestTest, LabelsAreFewAndShort) {
  EXPECT_TAKEN(f.labels[std::string(63, 'k')] = std::string(128, 'v'));
  EXPECT_TAKEN(for (int i = 0; i < 16; ++i) f.labels[absl::StrCat(i)] = "");
  EXPECT_REFUSED("options.labels", for (int i = 0; i < 17; ++i) f.labels[absl::StrCat(i)] = "");
  EXPECT_REFUSED("options.labels", f.labels[std::string(64, 'k')] = "v");
  EXPECT_REFUSED("options.labels", f.labels["k"] = std::string(129, 'v'));
  EXPECT_REFUSED("options.labels", f.labels["\xff"] = "v");
  EXPECT_REFUSED("options.labels", f.labels["k"] = "\xff");
  EXPECT_REFUSED("options.labels", f.labels["k=v"] = "v");
  EXPECT_TAKEN(f.labels["k"] = "v=w");
}

}  // namespace
}  // namespace latentd::core
