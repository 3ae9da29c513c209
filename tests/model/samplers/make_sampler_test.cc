#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <limits>

#include "model/errors.h"
#include "model/samplers/sampler.h"

namespace latentd::model {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

std::vector<std::string> ProblemsOf(const SamplerConfig& config, const SamplerOptions& options) {
  try {
    MakeSampler(config, options);
  } catch (const ModelError& error) {
    return error.problems();
  }
  return {};
}

TEST(MakeSamplerTest, EverySamplerTakesOneToAllTrainingTimesteps) {
  for (const SamplerKind kind : AllSamplerKinds()) {
    SamplerConfig config;
    config.skip_prk_steps = true;
    config.timestep_spacing = TimestepSpacing::kTrailing;
    for (const int steps : {1, 2, 50, 1000}) {
      EXPECT_THAT(ProblemsOf(config, {.kind = kind, .steps = steps}), ElementsAre()) << Name(kind) << " " << steps;
    }
    for (const int steps : {-1, 0, 1001, 10'000, std::numeric_limits<int>::max()}) {
      EXPECT_THAT(ProblemsOf(config, {.kind = kind, .steps = steps}), ElementsAre(StartsWith("steps: ")))
          << Name(kind) << " " << steps;
    }
  }
}

TEST(MakeSamplerTest, KarrasSigmasBelongToSomeSamplersOnly) {
  for (const SamplerKind kind : AllSamplerKinds()) {
    const auto problems = ProblemsOf({}, {.kind = kind, .sigmas = SigmaSpacing::kKarras});
    if (SpacingsOf(kind).size() == 2) {
      EXPECT_THAT(problems, ElementsAre());
    } else {
      EXPECT_THAT(problems, ElementsAre(HasSubstr("has no 'karras' spacing")));
    }
  }
}

TEST(MakeSamplerTest, EtaIsForDdimAndBetweenZeroAndOne) {
  EXPECT_THAT(ProblemsOf({}, {.kind = SamplerKind::kDdim, .eta = 1}), ElementsAre());
  for (const double eta : {-0.1, 1.1, std::nan("")}) {
    EXPECT_THAT(ProblemsOf({}, {.kind = SamplerKind::kDdim, .eta = eta}), ElementsAre(StartsWith("eta: ")));
  }
  EXPECT_THAT(ProblemsOf({}, {.kind = SamplerKind::kEuler, .eta = 0.5}),
              ElementsAre("eta: only ddim has it, not euler"));
}

TEST(MakeSamplerTest, EveryProblemIsReportedAtOnce) {
  SamplerConfig config;
  config.prediction_type = PredictionType::kSample;
  EXPECT_THAT(
      ProblemsOf(config, {.kind = SamplerKind::kEulerAncestral, .sigmas = SigmaSpacing::kKarras, .steps = 0, .eta = 2}),
      ElementsAre(StartsWith("steps: "), StartsWith("sigmas: "), StartsWith("eta: "), StartsWith("prediction_type: ")));
}

TEST(MakeSamplerTest, PndmNeedsFourStepsForItsRungeKuttaWarmUp) {
  SamplerConfig config;
  EXPECT_THAT(ProblemsOf(config, {.kind = SamplerKind::kPndm, .steps = 3}), ElementsAre(StartsWith("steps: ")));
  EXPECT_THAT(ProblemsOf(config, {.kind = SamplerKind::kPndm, .steps = 4}), ElementsAre());
  config.skip_prk_steps = true;
  EXPECT_THAT(ProblemsOf(config, {.kind = SamplerKind::kPndm, .steps = 3}), ElementsAre());
}

TEST(MakeSamplerTest, AnOffsetBeyondTheTrainingTimestepsIsNamed) {
  SamplerConfig config;
  config.steps_offset = 1;
  for (const SamplerKind kind : {SamplerKind::kDdpm, SamplerKind::kDdim, SamplerKind::kPndm}) {
    EXPECT_THAT(ProblemsOf(config, {.kind = kind, .steps = 1000}), ElementsAre(StartsWith("steps_offset: ")));
    EXPECT_THAT(ProblemsOf(config, {.kind = kind, .steps = 999}), ElementsAre());
  }
}

TEST(MakeSamplerTest, Dpmpp2mRefusesLevelsThatItCannotSolveFor) {
  SamplerConfig config;
  EXPECT_THAT(ProblemsOf(config, {.kind = SamplerKind::kDpmpp2m, .steps = 999}), ElementsAre());
  EXPECT_THAT(ProblemsOf(config, {.kind = SamplerKind::kDpmpp2m, .steps = 1000}), ElementsAre(StartsWith("steps: ")));
  config.lambda_min_clipped = 100;
  EXPECT_THAT(ProblemsOf(config, {.kind = SamplerKind::kDpmpp2m}), ElementsAre(StartsWith("lambda_min_clipped: ")));
}

TEST(MakeSamplerTest, ASchedulePastAllSignalIsRefusedBySigmaSamplersOnly) {
  SamplerConfig config;
  config.trained_betas.assign(1000, 0.9);  // its last alphas are zero in float32
  EXPECT_THAT(ProblemsOf(config, {.kind = SamplerKind::kDdim}), ElementsAre());
  for (const SamplerKind kind :
       {SamplerKind::kEuler, SamplerKind::kEulerAncestral, SamplerKind::kHeun, SamplerKind::kDpmpp2m}) {
    EXPECT_THAT(ProblemsOf(config, {.kind = kind}), ElementsAre(StartsWith("beta_schedule: "))) << Name(kind);
  }
}

TEST(SamplersForTest, LeavesOutWhatTheModelCannotBeSampledWith) {
  SamplerConfig config;
  EXPECT_EQ(SamplersFor(config).size(), AllSamplerKinds().size());
  config.prediction_type = PredictionType::kSample;
  config.use_exponential_sigmas = true;
  std::vector<SamplerKind> kinds;
  for (const SamplerChoice& choice : SamplersFor(config)) {
    kinds.push_back(choice.kind);
    EXPECT_EQ(choice.sigmas.size(), 1U);
    EXPECT_EQ(choice.sigmas[0] == SigmaSpacing::kKarras, SpacingsOf(choice.kind).size() == 2);
  }
  EXPECT_THAT(kinds, ElementsAre(SamplerKind::kDdpm, SamplerKind::kDdim, SamplerKind::kEuler, SamplerKind::kHeun,
                                 SamplerKind::kDpmpp2m));
}

}  // namespace
}  // namespace latentd::model
