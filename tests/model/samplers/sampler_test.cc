// Rules that hold for every sampler.

#include "model/samplers/sampler.h"

#include <ATen/CPUGeneratorImpl.h>
#include <ATen/TensorOperators.h>
#include <ATen/ops/randn.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <set>

#include "tests/model/samplers/golden_cases.h"

namespace latentd::model {
namespace {

const std::vector<int64_t> kShape = {4, 6, 5};

// Options that take every sampler through its state and its noise.
SamplerConfig TestConfig() {
  return SamplerConfig::FromJson("test", {{"_class_name", "DPMSolverMultistepScheduler"},
                                          {"beta_start", 0.00085},
                                          {"beta_end", 0.012},
                                          {"beta_schedule", "scaled_linear"},
                                          {"solver_order", 3}});
}

std::shared_ptr<const Sampler> Make(SamplerKind kind, int steps, bool skip_prk_steps = false) {
  SamplerConfig config = TestConfig();
  config.skip_prk_steps = skip_prk_steps;
  config.original_inference_steps = 1000;
  return MakeSampler(config, {.kind = kind, .steps = steps, .eta = TakesEta(kind) ? 0.5 : 0.0});
}

bool SameBytes(const at::Tensor& a, const at::Tensor& b) {
  return a.sizes() == b.sizes() && a.is_contiguous() && b.is_contiguous() &&
         std::memcmp(a.const_data_ptr<float>(), b.const_data_ptr<float>(), a.nbytes()) == 0;
}

// A copy that shares no memory, as if it had been written out and read back.
TestRow DeepCopy(const TestRow& row) {
  TestRow copy = row;
  copy.generator = row.generator.clone();
  copy.latent = row.latent.clone();
  for (at::Tensor& tensor : copy.state.history) tensor = tensor.clone();
  return copy;
}

at::Tensor Finish(const Sampler& sampler, TestRow row) {
  while (!row.IsDone(sampler)) row.Step(sampler);
  return row.latent;
}

bool IsTwoStage(SamplerKind kind) {
  return kind == SamplerKind::kHeun || kind == SamplerKind::kDpm2 || kind == SamplerKind::kDpm2Ancestral ||
         kind == SamplerKind::kDpmppSde;
}

class SamplerTest : public testing::TestWithParam<SamplerKind> {};

INSTANTIATE_TEST_SUITE_P(Samplers, SamplerTest, testing::ValuesIn(AllSamplerKinds()),
                         [](const auto& kind) { return std::string(Name(kind.param)); });

TEST_P(SamplerTest, StateSavedAtAnyEvaluationGoesOnToTheSameBytes) {
  for (const bool skip_prk_steps : {false, true}) {
    const auto sampler = Make(GetParam(), 7, skip_prk_steps);
    TestRow row(*sampler, kShape, 3);
    const at::Tensor expected = Finish(*sampler, DeepCopy(row));
    while (!row.IsDone(*sampler)) {
      EXPECT_TRUE(SameBytes(Finish(*sampler, DeepCopy(row)), expected)) << row.state.evaluation;
      row.Step(*sampler);
    }
  }
}

TEST_P(SamplerTest, LeavesOutAPredictedVarianceThatItsConfigurationDoesNotAskFor) {
  const auto sampler = Make(GetParam(), 5);
  TestRow row(*sampler, kShape, 4);
  const at::Tensor expected = Finish(*sampler, DeepCopy(row));
  while (!row.IsDone(*sampler)) row.Step(*sampler, /*learned_variance=*/true);
  EXPECT_TRUE(SameBytes(row.latent, expected));
}

TEST_P(SamplerTest, RowsAtDifferentEvaluationsShareAPlanAndDoNotMeet) {
  const auto sampler = Make(GetParam(), 6);
  TestRow first(*sampler, kShape, 1);
  TestRow second(*sampler, kShape, 2);
  const at::Tensor first_alone = Finish(*sampler, DeepCopy(first));
  const at::Tensor second_alone = Finish(*sampler, DeepCopy(second));
  for (int i = 0; i < 3; ++i) first.Step(*sampler);
  while (!second.IsDone(*sampler)) {
    if (!first.IsDone(*sampler)) first.Step(*sampler);
    second.Step(*sampler);
  }
  EXPECT_TRUE(SameBytes(first.latent, first_alone));
  EXPECT_TRUE(SameBytes(second.latent, second_alone));
}

TEST_P(SamplerTest, AdvanceLeavesItsInputsAlone) {
  const auto sampler = Make(GetParam(), 5);
  TestRow row(*sampler, kShape, 4);
  while (!row.IsDone(*sampler)) {
    const at::Tensor prediction = DummyNetwork(row.latent, sampler->Timestep(row.state));
    const at::Tensor latent_before = row.latent.clone();
    const at::Tensor prediction_before = prediction.clone();
    const at::Tensor latent = sampler->Advance(row.state, row.latent, prediction, row.generator).latent;
    EXPECT_TRUE(SameBytes(row.latent, latent_before));
    EXPECT_TRUE(SameBytes(prediction, prediction_before));
    row.latent = latent;
  }
}

TEST_P(SamplerTest, StepsDoneRisesFromNoneToAll) {
  for (const int steps : {4, 5, 20, 61, 999}) {
    for (const bool skip_prk_steps : {false, true}) {
      const auto sampler = Make(GetParam(), steps, skip_prk_steps);
      EXPECT_EQ(sampler->steps(), steps);
      EXPECT_EQ(sampler->StepsDone(0), 0);
      EXPECT_EQ(sampler->StepsDone(sampler->evaluations()), steps);
      std::set<int> seen;
      for (int i = 1; i <= sampler->evaluations(); ++i) {
        EXPECT_GE(sampler->StepsDone(i), sampler->StepsDone(i - 1));
        seen.insert(sampler->StepsDone(i));
      }
      for (int step = 1; step <= steps; ++step) EXPECT_TRUE(seen.contains(step)) << step << " of " << steps;
    }
  }
}

TEST_P(SamplerTest, AStepIsDoneOnlyWithItsLastEvaluation) {
  const auto sampler = Make(GetParam(), 5, /*skip_prk_steps=*/GetParam() != SamplerKind::kPndm);
  std::vector<int> done;
  for (int i = 1; i <= sampler->evaluations(); ++i) done.push_back(sampler->StepsDone(i));
  std::vector<int> expected = {1, 2, 3, 4, 5};
  if (IsTwoStage(GetParam())) expected = {0, 1, 1, 2, 2, 3, 3, 4, 5};
  if (GetParam() == SamplerKind::kPndm) expected = {0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 4, 5};
  EXPECT_EQ(done, expected);
}

TEST_P(SamplerTest, NothingIsDrawnByDeterministicSamplers) {
  SamplerConfig config = TestConfig();
  const auto sampler = MakeSampler(config, {.kind = GetParam(), .steps = 4});
  TestRow row(*sampler, kShape, 5);
  const at::Tensor before = row.generator.get_state();
  Finish(*sampler, row);
  const std::set<SamplerKind> random = {
      SamplerKind::kDdpm,       SamplerKind::kEulerAncestral, SamplerKind::kDpm2Ancestral,
      SamplerKind::kDpmpp2mSde, SamplerKind::kDpmppSde,       SamplerKind::kDpmpp3mSde,
      SamplerKind::kLcm};
  EXPECT_EQ(!before.equal(row.generator.get_state()), random.contains(GetParam()));
}

TEST_P(SamplerTest, ARowThatStartsFromAPictureEndsNearItWhenFewStepsAreLeft) {
  const auto sampler = Make(GetParam(), 20, /*skip_prk_steps=*/true);
  TestRow row(*sampler, kShape, 6, /*skipped=*/19);
  EXPECT_LT(row.state.evaluation, sampler->evaluations());
  const at::Tensor start = row.latent;
  EXPECT_LT((Finish(*sampler, row) - start).abs().max().item<double>(), 1.0);
}

TEST(DrawNoiseTest, GivesTheNumbersOfABatchOfOne) {
  for (const std::vector<int64_t>& shape : {std::vector<int64_t>{4, 6, 5}, {1, 2, 3}, {3, 5}}) {
    auto generator = at::make_generator<at::CPUGeneratorImpl>(7);
    const at::Tensor noise = DrawNoise(shape, generator, at::kCPU);
    std::vector<int64_t> batch = shape;
    batch.insert(batch.begin(), 1);
    generator.set_current_seed(7);
    EXPECT_TRUE(SameBytes(noise, at::randn(batch, generator)[0]));
  }
}

}  // namespace
}  // namespace latentd::model
