// What becomes of a row when its step, its preview or the check of it goes wrong.

#include <ATen/ops/empty_like.h>
#include <gmock/gmock.h>

#include <functional>
#include <memory>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/server/engine/engine_fixture.h"

namespace latentd::engine {
namespace {

// Does what the test says.
class TestSampler : public model::Sampler {
 public:
  using Step = std::function<at::Tensor(const at::Tensor& latent)>;
  TestSampler(int steps, Step step) : Sampler(steps, std::vector<double>(steps, 1.0), 1000), step_(std::move(step)) {}

  at::Tensor AddNoise(const at::Tensor& clean, const at::Tensor&, int) const override { return clean; }

 private:
  model::Advanced Evaluate(model::SamplerState& state, const at::Tensor& latent, const at::Tensor&,
                           at::Generator&) const override {
    state.history.push_back(latent);
    return {.latent = step_(latent), .predicted_clean = latent};
  }

  const Step step_;
};

class ExecutorTest : public EngineTest {};

TEST_F(ExecutorTest, OutOfMemoryInAStepShrinksTheBatchAndNoRowIsLost) {
  int calls = 0;
  control_.sampler = std::make_shared<TestSampler>(3, [&](const at::Tensor& latent) {
    if (++calls == 2) throw c10::OutOfMemoryError({__func__, __FILE__, __LINE__}, "no room");
    return latent;
  });
  const std::string one = Create(Fields("one"));
  const std::string two = Create(Fields("two"));
  StartEngine();
  WaitUntilIdle();
  EXPECT_EQ(Get(one).state, core::JobState::kCompleted);
  EXPECT_EQ(Get(two).state, core::JobState::kCompleted);
  EXPECT_EQ(calls, 7);
}

TEST_F(ExecutorTest, LayersAreSkippedForBothPromptsButOnlyForTheFirstWhenTheyAreLiteral) {
  core::RequestFields fields = Fields("one");
  fields.negative_prompt = "negative";
  fields.clip_skip = 2;
  Create(fields);
  fields.literal_prompt = true;
  Create(fields);
  StartEngine();
  WaitUntilIdle();
  std::vector<std::string> seen;
  for (const model::Prompt& prompt : control_.prompts) {
    seen.push_back(absl::StrCat(prompt.text, " ", prompt.clip_skip, prompt.literal ? " literal" : ""));
  }
  EXPECT_THAT(seen, testing::UnorderedElementsAre("one 2", "negative 2", "one 2 literal", "negative 0 literal"));
}

TEST_F(ExecutorTest, APreviewThatCannotBeMadeIsLeftOut) {
  control_.on_preview = [](size_t) { throw std::bad_alloc(); };
  core::RequestFields fields = Fields("one");
  fields.preview_kind = core::PreviewKind::kImage;
  fields.preview_every_steps = 1;
  const std::string name = Create(fields);
  StartEngine();
  WaitUntilIdle();
  EXPECT_EQ(Get(name).state, core::JobState::kCompleted);
}

TEST_F(ExecutorTest, PreviewsOfABatchAreMadeTogetherForTheRowsThatWantThem) {
  std::vector<size_t> made;
  control_.on_preview = [&](size_t rows) { made.push_back(rows); };
  core::RequestFields fields = Fields("one", /*steps=*/4);
  fields.preview_kind = core::PreviewKind::kImage;
  fields.num_images = 2;
  Create(fields);
  fields.preview_every_steps = 2;
  fields.num_images = 1;
  Create(fields);
  Create(Fields("none", /*steps=*/4));
  fields.preview_kind = core::PreviewKind::kLatent;
  Create(fields);
  StartEngine();
  WaitUntilIdle();
  EXPECT_EQ(std::accumulate(made.begin(), made.end(), size_t{0}), 2 * 4 + 2u)
      << "two of every step, one of every other";
  EXPECT_LT(made.size(), 2 * 4 + 2u);
}

TEST_F(ExecutorTest, AnErrorThatTheDeviceReportsLateFailsTheRow) {
  // Of a tensor without data everything can be asked but its values.
  control_.sampler = std::make_shared<TestSampler>(
      3, [](const at::Tensor& latent) { return at::empty_like(latent, at::TensorOptions().device(at::kMeta)); });
  const std::string name = Create(Fields("one"));
  StartEngine();
  WaitUntilIdle();
  EXPECT_EQ(Get(name).state, core::JobState::kFailed);
  EXPECT_EQ(Get(name).error.code(), absl::StatusCode::kInternal);
}

}  // namespace
}  // namespace latentd::engine
