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
    // Those of distilled models take as many as the distillation had.
    config.original_inference_steps = 1000;
    for (const int steps : {1, 2, 50, 1000}) {
      EXPECT_THAT(ProblemsOf(config, {.kind = kind, .steps = steps}), ElementsAre()) << Name(kind) << " " << steps;
    }
    for (const int steps : {-1, 0, 1001, 10'000, std::numeric_limits<int>::max()}) {
      EXPECT_THAT(ProblemsOf(config, {.kind = kind, .steps = steps}), ElementsAre(StartsWith("steps: ")))
          << Name(kind) << " " << steps;
    }
  }
}

TEST(MakeSamplerTest, SigmaSpacingsBelongToSomeSamplersOnly) {
  for (const SamplerKind kind : AllSamplerKinds()) {
    for (const SigmaSpacing spacing : {SigmaSpacing::kKarras, SigmaSpacing::kExponential, SigmaSpacing::kBeta}) {
      const auto problems = ProblemsOf({}, {.kind = kind, .sigmas = spacing});
      if (SpacingsOf(kind).size() == 4) {
        EXPECT_THAT(problems, ElementsAre()) << Name(kind);
      } else {
        EXPECT_THAT(problems, ElementsAre(HasSubstr("has no '" + std::string(Name(spacing)) + "' spacing")));
      }
    }
  }
}

std::vector<double> TimestepsOf(const Sampler& sampler) {
  std::vector<double> timesteps;
  for (SamplerState state; state.evaluation < sampler.evaluations(); ++state.evaluation) {
    timesteps.push_back(sampler.Timestep(state));
  }
  return timesteps;
}

// The numbers are those of set_timesteps(steps, strength=strength) of LCMScheduler and TCDScheduler, diffusers 0.42.1.
TEST(MakeSamplerTest, StrengthShortensTheScheduleOfALatentConsistencyPipeline) {
  SamplerConfig config;
  config.latent_consistency_pipeline = true;
  for (const SamplerKind kind : {SamplerKind::kLcm, SamplerKind::kTcd}) {
    EXPECT_TRUE(IsConsistencySampler(kind));
    const auto timesteps = [&](int steps, double strength) {
      return TimestepsOf(*MakeSampler(config, {.kind = kind, .steps = steps, .strength = strength}));
    };
    config.original_inference_steps = 50;
    EXPECT_THAT(timesteps(4, 0.3), ElementsAre(299, 239, 159, 79));
    EXPECT_THAT(timesteps(4, 0.8), ElementsAre(799, 599, 399, 199));
    EXPECT_THAT(timesteps(1, 0.02), ElementsAre(19));
    EXPECT_THAT(timesteps(4, 1), ElementsAre(999, 759, 499, 259));
    EXPECT_TRUE(MakeSampler(config, {.kind = kind, .steps = 4, .strength = 0.3})->shortened());
    EXPECT_FALSE(MakeSampler(config, {.kind = kind, .steps = 4, .strength = 1})->shortened());
    EXPECT_THAT(ProblemsOf(config, {.kind = kind, .steps = 15, .strength = 0.3}), ElementsAre());
    EXPECT_THAT(ProblemsOf(config, {.kind = kind, .steps = 16, .strength = 0.3}),
                ElementsAre(StartsWith("steps: 16 is more than the 15 steps")));
    config.original_inference_steps = 40;
    EXPECT_THAT(timesteps(8, 0.55), ElementsAre(549, 499, 424, 349, 274, 224, 149, 74));
  }
}

TEST(MakeSamplerTest, StrengthShortensNoOtherSchedule) {
  for (const SamplerKind kind : AllSamplerKinds()) {
    SamplerConfig config;
    config.latent_consistency_pipeline = !IsConsistencySampler(kind);
    const auto whole = MakeSampler(config, {.kind = kind, .steps = 5});
    const auto other = MakeSampler(config, {.kind = kind, .steps = 5, .strength = 0.4});
    EXPECT_EQ(TimestepsOf(*other), TimestepsOf(*whole)) << Name(kind);
    EXPECT_FALSE(other->shortened()) << Name(kind);
    EXPECT_THAT(ProblemsOf(config, {.kind = kind, .steps = 5, .strength = 1.5}), ElementsAre(StartsWith("strength:")));
  }
}

TEST(MakeSamplerTest, EtaIsForDdimAndTcdAndBetweenZeroAndOne) {
  for (const SamplerKind kind : {SamplerKind::kDdim, SamplerKind::kTcd}) {
    EXPECT_TRUE(TakesEta(kind));
    EXPECT_THAT(ProblemsOf({}, {.kind = kind, .eta = 1}), ElementsAre());
    for (const double eta : {-0.1, 1.1, std::nan("")}) {
      EXPECT_THAT(ProblemsOf({}, {.kind = kind, .eta = eta}), ElementsAre(StartsWith("eta: ")));
    }
  }
  EXPECT_THAT(ProblemsOf({}, {.kind = SamplerKind::kEuler, .eta = 0.5}),
              ElementsAre("eta: only ddim and tcd have it, not euler"));
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

TEST(MakeSamplerTest, MultistepMethodsRefuseLevelsThatTheyCannotSolveFor) {
  SamplerConfig config;
  for (const SamplerKind kind : {SamplerKind::kDpmpp2m, SamplerKind::kDpmpp2mSde, SamplerKind::kDpmpp3mSde,
                                 SamplerKind::kUnipc, SamplerKind::kDeis}) {
    EXPECT_THAT(ProblemsOf(config, {.kind = kind, .steps = 999}), ElementsAre());
    EXPECT_THAT(ProblemsOf(config, {.kind = kind, .steps = 1000}), ElementsAre(StartsWith("steps: "))) << Name(kind);
  }
  config.timestep_spacing = TimestepSpacing::kLeading;
  config.steps_offset = 40;  // the first two timesteps are clamped to the last one of the training
  EXPECT_THAT(ProblemsOf(config, {.kind = SamplerKind::kLms, .steps = 50}), ElementsAre(StartsWith("steps: ")));
  config.lambda_min_clipped = 100;
  EXPECT_THAT(ProblemsOf(config, {.kind = SamplerKind::kDpmpp2m}), ElementsAre(StartsWith("lambda_min_clipped: ")));
}

TEST(MakeSamplerTest, UnipcNamesTheOptionThatKeepsItFromEndingWithoutNoise) {
  const auto problems = [](auto change) {
    SamplerConfig config;
    change(config);
    return ProblemsOf(config, {.kind = SamplerKind::kUnipc});
  };
  EXPECT_THAT(problems([](SamplerConfig& c) { c.solver_type = "bh1"; }), ElementsAre(StartsWith("solver_type: ")));
  EXPECT_THAT(problems([](SamplerConfig& c) { c.predict_x0 = false; }), ElementsAre(StartsWith("predict_x0: ")));
  EXPECT_THAT(problems([](SamplerConfig& c) { c.lower_order_final = false; }),
              ElementsAre(StartsWith("lower_order_final: ")));
}

TEST(MakeSamplerTest, SdeSamplersRefuseLevelsThatRise) {
  SamplerConfig config;
  config.final_sigmas_type = "sigma_min";
  config.sigma_min = 0.001;
  EXPECT_THAT(ProblemsOf(config, {.kind = SamplerKind::kDpmpp2mSde, .sigmas = SigmaSpacing::kKarras}),
              ElementsAre(StartsWith("final_sigmas_type: ")));
  EXPECT_THAT(ProblemsOf(config, {.kind = SamplerKind::kDpmpp2m, .sigmas = SigmaSpacing::kKarras}), ElementsAre());
}

TEST(MakeSamplerTest, Dpm2AncestralRefusesStepsThatAreAllNewNoise) {
  SamplerConfig config;
  config.beta_schedule = BetaSchedule::kSquaredCosine;
  EXPECT_THAT(ProblemsOf(config, {.kind = SamplerKind::kDpm2Ancestral, .steps = 2}),
              ElementsAre(StartsWith("steps: ")));
  EXPECT_THAT(ProblemsOf(config, {.kind = SamplerKind::kDpm2Ancestral, .steps = 20}), ElementsAre());
}

TEST(MakeSamplerTest, DistilledModelsTakeNoMoreStepsThanTheyWereDistilledOn) {
  for (const SamplerKind kind : {SamplerKind::kLcm, SamplerKind::kTcd}) {
    SamplerConfig config;
    EXPECT_THAT(ProblemsOf(config, {.kind = kind, .steps = 50}), ElementsAre());
    EXPECT_THAT(ProblemsOf(config, {.kind = kind, .steps = 51}), ElementsAre(StartsWith("steps: ")));
    config.original_inference_steps = 1001;
    EXPECT_THAT(ProblemsOf(config, {.kind = kind, .steps = 4}), ElementsAre(StartsWith("original_inference_steps: ")));
  }
}

TEST(MakeSamplerTest, DistilledModelsWithoutTerminalSignalPredictNoNoise) {
  for (const SamplerKind kind : {SamplerKind::kLcm, SamplerKind::kTcd}) {
    SamplerConfig config;
    config.rescale_betas_zero_snr = true;
    EXPECT_THAT(ProblemsOf(config, {.kind = kind, .steps = 4}), ElementsAre(StartsWith("rescale_betas_zero_snr: ")));
    config.prediction_type = PredictionType::kV;
    EXPECT_THAT(ProblemsOf(config, {.kind = kind, .steps = 4}), ElementsAre());
  }
}

TEST(MakeSamplerTest, ASchedulePastAllSignalIsRefusedBySigmaSamplersOnly) {
  SamplerConfig config;
  config.trained_betas.assign(1000, 0.9);  // its last alphas are zero in float32
  EXPECT_THAT(ProblemsOf(config, {.kind = SamplerKind::kDdim}), ElementsAre());
  for (const SamplerKind kind :
       {SamplerKind::kEuler, SamplerKind::kEulerAncestral, SamplerKind::kHeun, SamplerKind::kLms, SamplerKind::kDpm2,
        SamplerKind::kDpm2Ancestral, SamplerKind::kDpmpp2m, SamplerKind::kDpmpp2mSde, SamplerKind::kDpmppSde,
        SamplerKind::kDpmpp3mSde, SamplerKind::kUnipc, SamplerKind::kDeis}) {
    EXPECT_THAT(ProblemsOf(config, {.kind = kind}), ElementsAre(StartsWith("beta_schedule: "))) << Name(kind);
  }
}

TEST(SamplersForTest, LeavesOutWhatTheModelCannotBeSampledWith) {
  SamplerConfig config;
  EXPECT_EQ(SamplersFor(config).size(), AllSamplerKinds().size());
  config.prediction_type = PredictionType::kSample;
  config.use_exponential_sigmas = true;
  config.use_beta_sigmas = true;  // only a request can choose now
  std::vector<SamplerKind> kinds;
  for (const SamplerChoice& choice : SamplersFor(config)) {
    kinds.push_back(choice.kind);
    EXPECT_EQ(choice.sigmas.size(), SpacingsOf(choice.kind).size() == 4 ? 3U : 1U);
    EXPECT_EQ(choice.sigmas[0] == SigmaSpacing::kKarras, SpacingsOf(choice.kind).size() == 4);
  }
  EXPECT_THAT(kinds,
              ElementsAre(SamplerKind::kDdpm, SamplerKind::kDdim, SamplerKind::kEuler, SamplerKind::kHeun,
                          SamplerKind::kLms, SamplerKind::kDpmpp2m, SamplerKind::kDpmpp2mSde, SamplerKind::kDpmpp3mSde,
                          SamplerKind::kUnipc, SamplerKind::kDeis, SamplerKind::kLcm, SamplerKind::kTcd));
}

}  // namespace
}  // namespace latentd::model
