#include "model/pipeline/step_range.h"

#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>

namespace latentd::model {
namespace {

std::shared_ptr<const Sampler> Make(SamplerKind kind, int steps) {
  const SamplerConfig config =
      SamplerConfig::FromJson("test", {{"_class_name", "EulerDiscreteScheduler"}, {"timestep_spacing", "leading"}});
  return MakeSampler(config, {.kind = kind, .steps = steps});
}

TEST(StepRange, IsEverythingByDefault) {
  const StepRange range = StepsOf(*Make(SamplerKind::kEuler, 10), 1, {}, 1);
  EXPECT_EQ(range.begin.evaluation, 0);
  EXPECT_EQ(range.end, 10);
  EXPECT_EQ(range.evaluations(), 10);
}

TEST(StepRange, AStrengthCountsSteps) {
  EXPECT_EQ(StepsOf(*Make(SamplerKind::kEuler, 10), 0.3, {}, 1).begin.evaluation, 7);
  EXPECT_EQ(StepsOf(*Make(SamplerKind::kEuler, 10), 0, {}, 1).evaluations(), 0);
}

// The timesteps are 900, 800 … 0: with a share of 0.7 those from 300 on are the first model's.
TEST(StepRange, SharesCountTimestepsAndTwoOfThemMakeAWhole) {
  const auto sampler = Make(SamplerKind::kEuler, 10);
  EXPECT_EQ(StepsOf(*sampler, 1, {}, 0.7).end, 7);
  EXPECT_EQ(StepsOf(*sampler, 1, 0.7, 1).begin.evaluation, 7);
  EXPECT_EQ(StepsOf(*sampler, 1, 0.7, 1).begin.begin, 7);
  EXPECT_EQ(StepsOf(*sampler, 1, {}, 0.6999).end, 7);
  EXPECT_EQ(StepsOf(*sampler, 1, {}, 0.69).end, 6);
  EXPECT_EQ(StepsOf(*sampler, 1, {}, 0.01).evaluations(), 0);
  EXPECT_EQ(StepsOf(*sampler, 1, 0.3, 0.8).begin.evaluation, 3);
  EXPECT_EQ(StepsOf(*sampler, 1, 0.3, 0.8).end, 8);
}

// Of two evaluations a step; the first begins alone, and the last ends so.
TEST(StepRange, NobodyBeginsInsideAStep) {
  const auto sampler = Make(SamplerKind::kHeun, 10);
  EXPECT_EQ(sampler->evaluations(), 19);
  for (const double share : {0.15, 0.3, 0.55, 0.62, 0.9}) {
    const StepRange second = StepsOf(*sampler, 1, share, 1);
    EXPECT_EQ(second.begin.evaluation % 2, 0) << share;
    EXPECT_LE(second.begin.evaluation, StepsOf(*sampler, 1, {}, share).end);
  }
}

TEST(StepRange, AnEndBeforeTheBeginningLeavesNothing) {
  const StepRange range = StepsOf(*Make(SamplerKind::kEuler, 10), 0.3, {}, 0.5);
  EXPECT_EQ(range.evaluations(), 0);
  EXPECT_EQ(range.end, 7);
}

}  // namespace
}  // namespace latentd::model
