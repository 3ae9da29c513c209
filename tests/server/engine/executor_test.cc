// What becomes of a row when its step, its preview or the check of it goes wrong.

#include <ATen/ops/empty_like.h>

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

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

TEST_F(ExecutorTest, APreviewThatCannotBeMadeIsLeftOut) {
  control_.on_preview = [] { throw std::bad_alloc(); };
  core::RequestFields fields = Fields("one");
  fields.preview_kind = core::PreviewKind::kImage;
  fields.preview_every_steps = 1;
  const std::string name = Create(fields);
  StartEngine();
  WaitUntilIdle();
  EXPECT_EQ(Get(name).state, core::JobState::kCompleted);
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
