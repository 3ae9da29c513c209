// Textual-inversion embeddings and phrases in boxes: what is refused, what is warned of, and what a job shows.

#include <gmock/gmock.h>

#include <functional>
#include <limits>
#include <memory>
#include <string>

#include "client/cpp/client.h"
#include "client/cpp/error.h"
#include "tests/e2e/cases.h"
#include "tests/e2e/shared_server.h"
#include "tests/e2e/violations.h"

namespace latentd::e2e {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::Not;

class Grounding : public SharedServerTest<Grounding> {
 public:
  static std::vector<std::string> Arguments() { return {"--adapters", GoldenFolder() + "/adapters"}; }

 protected:
  static v1::GenerationSpec Spec(const std::string& model, const std::string& prompt) {
    v1::GenerationSpec spec;
    spec.set_model(model);
    spec.set_prompt(prompt);
    spec.set_steps(2);
    return spec;
  }

  static v1::GenerationSpec WithBox(v1::GenerationSpec spec, const std::string& phrase = "a red apple") {
    v1::Box& box = *spec.mutable_boxes_to_image()->add_boxes();
    box.set_phrase(phrase);
    box.set_x1(0.5);
    box.set_y1(1);
    return spec;
  }

  static std::string ReasonOf(const absl::Status& status) { return client::GetErrorDetails(status).info.reason(); }

  static void ExpectViolation(const std::string& field, const v1::GenerationSpec& spec) {
    ExpectOnlyViolation(client_->Generate(spec).status(), field);
  }
};

TEST_F(Grounding, EmbeddingsMustBeThereAndBeSuch) {
  v1::GenerationSpec spec = Spec("tiny-prompts", "a toy");
  spec.add_embeddings("ghost");
  absl::Status status = client_->Generate(spec).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kNotFound) << status;
  EXPECT_EQ(ReasonOf(status), "ADAPTER_NOT_FOUND");
  spec.set_embeddings(0, "lora-attention");
  status = client_->Generate(spec).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("spec.embeddings[0]"));
  spec.set_embeddings(0, "toy");
  spec.add_embeddings("toy");
  ExpectViolation("spec.embeddings[1]", spec);
  for (int i = 0; i < 20; ++i) spec.add_embeddings("toy-" + std::to_string(i));
  EXPECT_EQ(client_->Generate(spec).status().code(), absl::StatusCode::kInvalidArgument);
}

TEST_F(Grounding, AnEmbeddingOfAnotherWidthFailsItsJobNamingBoth) {
  v1::GenerationSpec spec = Spec("tiny-gligen", "a <cat-toy>");  // its text has 24 features
  spec.add_embeddings("toy");
  const absl::Status status = client_->Generate(spec).status();
  EXPECT_EQ(ReasonOf(status), "ADAPTER_UNUSABLE") << status;
  EXPECT_THAT(std::string(status.message()), HasSubstr("has shape [32]"));
  EXPECT_THAT(std::string(status.message()), HasSubstr("24 features"));
}

TEST_F(Grounding, AnEmbeddingForTwoTextEncodersIsNotForOne) {
  v1::GenerationSpec spec = Spec("tiny-prompts", "a toy-xl");
  spec.add_embeddings("toy-xl");
  EXPECT_EQ(ReasonOf(client_->Generate(spec).status()), "ADAPTER_UNFIT");
}

TEST_F(Grounding, TokensThatNoPromptHoldsAreWarnedOf) {
  v1::GenerationSpec spec = Spec("tiny-prompts", "a <CAT-toy>, badly-handsome");
  spec.set_negative_prompt("(<many toys>:1.2)");
  for (const char* name : {"toy", "bad-hands", "toys"}) spec.add_embeddings(name);
  auto result = client_->Generate(spec);
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->warnings.size(), 1u);
  EXPECT_EQ(result->warnings[0].reason(), "EMBEDDING_NOT_USED");
  EXPECT_EQ(result->warnings[0].field(), "spec.embeddings[1]");
  EXPECT_THAT(result->warnings[0].message(), HasSubstr("bad-hands"));
  const auto job = client_->GetJob(result->job);
  ASSERT_TRUE(job.ok()) << job.status();
  EXPECT_THAT(job->spec().embeddings(), testing::ElementsAre("toy", "bad-hands", "toys"));
  spec.set_guidance_scale(1);  // the negative prompt is not looked at
  result = client_->Generate(spec);
  ASSERT_TRUE(result.ok()) << result.status();
  EXPECT_EQ(result->warnings.size(), 2u);
}

TEST_F(Grounding, OnlyGatedModelsTakeBoxes) {
  const auto gated = client_->GetModel("models/tiny-gligen");
  const auto plain = client_->GetModel("models/tiny-v");
  ASSERT_TRUE(gated.ok() && plain.ok());
  EXPECT_THAT(gated->tasks(), Contains("boxes_to_image"));
  EXPECT_THAT(gated->tasks(), Contains("text_to_image"));
  EXPECT_THAT(plain->tasks(), Not(Contains("boxes_to_image")));
  const absl::Status status = client_->Generate(WithBox(Spec("tiny-v", "a red apple"))).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition) << status;
  EXPECT_EQ(ReasonOf(status), "TASK_NOT_OFFERED");
}

TEST_F(Grounding, WrongBoxesAreNamed) {
  const v1::GenerationSpec good = WithBox(Spec("tiny-gligen", "an apple"));
  const auto with = [&](const std::function<void(v1::Box&)>& change) {
    v1::GenerationSpec spec = WithBox(good);
    change(*spec.mutable_boxes_to_image()->mutable_boxes(1));
    return spec;
  };
  const double nan = std::numeric_limits<double>::quiet_NaN();
  ExpectViolation("spec.boxes_to_image.boxes[1].x0", with([&](v1::Box& box) { box.set_x0(nan); }));
  ExpectViolation("spec.boxes_to_image.boxes[1].y1", with([](v1::Box& box) { box.set_y1(1.5); }));
  ExpectViolation("spec.boxes_to_image.boxes[1].x1", with([](v1::Box& box) { box.set_x0(0.5); }));
  ExpectViolation("spec.boxes_to_image.boxes[1].phrase", with([](v1::Box& box) { box.clear_phrase(); }));
  v1::GenerationSpec spec = good;
  for (int i = 0; i < 30; ++i) spec = WithBox(spec);
  ExpectViolation("spec.boxes_to_image.boxes", spec);
  spec.mutable_boxes_to_image()->clear_boxes();
  ExpectViolation("spec.boxes_to_image.boxes", spec);
  spec = good;
  spec.mutable_boxes_to_image()->set_scheduled_sampling_beta(-1);
  ExpectViolation("spec.boxes_to_image.scheduled_sampling_beta", spec);
}

TEST_F(Grounding, AJobShowsItsBoxesAndWhatOfAPhraseWasCut) {
  std::string phrase;
  for (int i = 0; i < 80; ++i) phrase += "red ";
  v1::GenerationSpec spec = WithBox(WithBox(Spec("tiny-gligen", "an apple")), phrase);
  const auto result = client_->Generate(spec);
  ASSERT_TRUE(result.ok()) << result.status();
  ASSERT_EQ(result->warnings.size(), 1u);
  EXPECT_EQ(result->warnings[0].reason(), "PROMPT_TRUNCATED");
  EXPECT_EQ(result->warnings[0].field(), "spec.boxes_to_image.boxes[1].phrase");
  const auto job = client_->GetJob(result->job);
  ASSERT_TRUE(job.ok()) << job.status();
  const v1::BoxesToImage& shown = job->spec().boxes_to_image();
  ASSERT_EQ(shown.boxes_size(), 2);
  EXPECT_EQ(shown.boxes(0).phrase(), "a red apple");
  EXPECT_EQ(shown.boxes(0).x1(), 0.5);
  EXPECT_EQ(shown.scheduled_sampling_beta(), 0.3);
}

}  // namespace
}  // namespace latentd::e2e
