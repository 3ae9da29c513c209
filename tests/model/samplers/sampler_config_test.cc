#include "model/samplers/sampler_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "model/errors.h"
#include "tests/model/samplers/golden_cases.h"

namespace latentd::model {
namespace {

using testing::ElementsAre;
using testing::StartsWith;
using testing::UnorderedElementsAre;

std::vector<std::string> ProblemsOf(nlohmann::json fields, const std::string& class_name = "DDIMScheduler") {
  fields["_class_name"] = class_name;
  try {
    SamplerConfig::FromJson("file", fields);
  } catch (const ModelError& error) {
    return error.problems();
  }
  return {};
}

TEST(SamplerNamesTest, EveryNameIsParsedBack) {
  std::vector<std::string_view> names;
  for (const SamplerKind kind : AllSamplerKinds()) {
    names.push_back(Name(kind));
    EXPECT_EQ(ParseSamplerKind(Name(kind)), kind);
  }
  EXPECT_THAT(names,
              ElementsAre("ddpm", "ddim", "pndm", "euler", "euler_a", "heun", "lms", "dpm2", "dpm2_a", "dpmpp_2m",
                          "dpmpp_2m_sde", "dpmpp_sde", "dpmpp_3m_sde", "unipc", "deis", "lcm", "tcd"));
  EXPECT_EQ(ParseSamplerKind("DDIM"), std::nullopt);
  EXPECT_EQ(ParseSigmaSpacing("karras"), SigmaSpacing::kKarras);
  EXPECT_EQ(ParseSigmaSpacing("default"), SigmaSpacing::kDefault);
  EXPECT_EQ(ParseSigmaSpacing("exponential"), SigmaSpacing::kExponential);
  EXPECT_EQ(ParseSigmaSpacing("beta"), SigmaSpacing::kBeta);
  EXPECT_EQ(ParseSigmaSpacing(""), std::nullopt);
}

TEST(SamplerConfigTest, ReadsAFileAsDiffusersWritesIt) {
  const auto file = std::filesystem::temp_directory_path() / "latentd_sampler_config_test.json";
  std::ofstream(file) << R"({
    "_class_name": "DPMSolverMultistepScheduler", "_diffusers_version": "0.22.0.dev0", "algorithm_type": "dpmsolver++",
    "beta_end": 0.02, "beta_schedule": "linear", "beta_start": 0.0001, "dynamic_thresholding_ratio": 0.995,
    "euler_at_final": false, "lambda_min_clipped": -Infinity, "lower_order_final": true, "num_train_timesteps": 1000,
    "prediction_type": "v_prediction", "sample_max_value": 1.0, "solver_order": 2, "solver_type": "midpoint",
    "steps_offset": 0, "thresholding": false, "timestep_spacing": "linspace", "trained_betas": null,
    "use_karras_sigmas": true, "use_lu_lambdas": false, "variance_type": null})";
  const SamplerConfig config = SamplerConfig::FromFile(file);
  std::filesystem::remove(file);
  EXPECT_EQ(config.kind, SamplerKind::kDpmpp2m);
  EXPECT_EQ(config.beta_end, 0.02);
  EXPECT_EQ(config.prediction_type, PredictionType::kV);
  EXPECT_EQ(config.timestep_spacing, TimestepSpacing::kLinspace);
  EXPECT_EQ(config.lambda_min_clipped, std::nullopt);
  EXPECT_EQ(config.clip_sample, std::nullopt);
  EXPECT_TRUE(config.use_karras_sigmas);
}

TEST(SamplerConfigTest, EveryProblemIsNamedAtOnce) {
  EXPECT_THAT(
      ProblemsOf({{"beta_schedule", "sigmoid"},
                  {"beta_start", 2.0},
                  {"num_train_timesteps", 0},
                  {"prediction_type", "flow_prediction"},
                  {"timestep_spacing", "random"},
                  {"steps_offset", -1},
                  {"clip_sample", nullptr},
                  {"clip_sample_range", "1"},
                  {"thresholding", 1},
                  {"solver_ordr", 2}}),
      UnorderedElementsAre(StartsWith("beta_schedule: 'sigmoid'"), StartsWith("beta_start: 2.0"),
                           StartsWith("num_train_timesteps: 0"), StartsWith("prediction_type: 'flow_prediction'"),
                           StartsWith("timestep_spacing: 'random'"), StartsWith("steps_offset: -1"),
                           StartsWith("clip_sample: null"), StartsWith("clip_sample_range: "),
                           StartsWith("thresholding: "), StartsWith("solver_ordr: unknown field")));
}

TEST(SamplerConfigTest, AnUnknownOrMissingClassIsNamed) {
  EXPECT_THAT(ProblemsOf({}, "DPMSolverSinglestepScheduler"),
              ElementsAre(StartsWith("_class_name: 'DPMSolverSinglestepScheduler' is not supported (supported: DDPM")));
  EXPECT_THROW(SamplerConfig::FromJson("file", nlohmann::json::object()), ModelError);
}

TEST(SamplerConfigTest, NumbersThatNoFieldHoldsAreOutOfRange) {
  EXPECT_THAT(ProblemsOf({{"num_train_timesteps", 4294967297}}), ElementsAre(StartsWith("num_train_timesteps: ")));
  EXPECT_THAT(ProblemsOf({{"steps_offset", 1.5}}), ElementsAre(StartsWith("steps_offset: ")));
  EXPECT_THAT(ProblemsOf({{"sigma_max", 1e300}}), ElementsAre(StartsWith("sigma_max: ")));
  EXPECT_THAT(ProblemsOf({{"solver_order", 4294967298}}), ElementsAre(StartsWith("solver_order: ")));
}

TEST(SamplerConfigTest, TrainedBetasAreOnePerTrainingTimestep) {
  EXPECT_THAT(ProblemsOf({{"trained_betas", {0.1, 0.2}}, {"num_train_timesteps", 2}}), ElementsAre());
  EXPECT_THAT(ProblemsOf({{"trained_betas", {0.1, 0.2}}, {"num_train_timesteps", 3}}),
              ElementsAre("trained_betas: has 2 entries instead of 3"));
  EXPECT_THAT(ProblemsOf({{"trained_betas", {0.1, 1.2}}, {"num_train_timesteps", 2}}),
              ElementsAre(StartsWith("trained_betas: 1.2")));
  EXPECT_THAT(ProblemsOf({{"trained_betas", nlohmann::json::array()}}),
              ElementsAre(StartsWith("trained_betas: has 0")));
}

TEST(SamplerConfigTest, OptionsAreJudgedByTheClassThatReadsThem) {
  const nlohmann::json glide = {{"variance_type", "fixed_large_log"}};
  EXPECT_THAT(ProblemsOf(glide, "DDPMScheduler"), ElementsAre(StartsWith("variance_type: 'fixed_large_log'")));
  EXPECT_THAT(ProblemsOf(glide, "DDIMScheduler"), ElementsAre());

  const nlohmann::json sde = {{"algorithm_type", "sde-dpmsolver"}};
  EXPECT_THAT(ProblemsOf(sde, "DPMSolverMultistepScheduler"),
              ElementsAre(StartsWith("algorithm_type: 'sde-dpmsolver'")));
  EXPECT_THAT(ProblemsOf(sde, "DEISMultistepScheduler"), ElementsAre(StartsWith("algorithm_type: 'sde-dpmsolver'")));
  EXPECT_THAT(ProblemsOf(sde, "EulerDiscreteScheduler"), ElementsAre());

  EXPECT_THAT(ProblemsOf({{"noise_sampler_seed", 7}}, "DPMSolverSDEScheduler"),
              ElementsAre(StartsWith("noise_sampler_seed: ")));
  EXPECT_THAT(ProblemsOf({{"noise_sampler_seed", 7}}, "LMSDiscreteScheduler"), ElementsAre());
  EXPECT_THAT(ProblemsOf({{"use_dynamic_shifting", true}}, "UniPCMultistepScheduler"),
              ElementsAre(StartsWith("use_dynamic_shifting: ")));
  EXPECT_THAT(ProblemsOf({{"use_dynamic_shifting", true}}, "DEISMultistepScheduler"), ElementsAre());
  EXPECT_THAT(ProblemsOf({{"solver_p", {{"x", 1}}}, {"disable_corrector", {0.5}}}, "UniPCMultistepScheduler"),
              UnorderedElementsAre(StartsWith("solver_p: "), StartsWith("disable_corrector: ")));
  EXPECT_THAT(ProblemsOf({{"original_inference_steps", 0}}, "LCMScheduler"),
              ElementsAre(StartsWith("original_inference_steps: 0")));
  EXPECT_THAT(ProblemsOf({{"original_inference_steps", 2000}}, "TCDScheduler"),
              ElementsAre(StartsWith("original_inference_steps: 2000")));
  for (const char* class_name : {"UniPCMultistepScheduler", "DEISMultistepScheduler", "DPMSolverMultistepScheduler"}) {
    EXPECT_THAT(ProblemsOf({{"use_flow_sigmas", true}}, class_name), ElementsAre(StartsWith("use_flow_sigmas: ")));
    EXPECT_THAT(ProblemsOf({{"solver_order", 4}}, class_name), ElementsAre(StartsWith("solver_order: ")));
  }
  for (const char* field : {"use_lu_lambdas", "use_flow_sigmas"}) {
    EXPECT_THAT(ProblemsOf({{field, true}}, "DPMSolverMultistepScheduler"), ElementsAre(StartsWith(field)));
  }
  for (const char* field : {"solver_type", "final_sigmas_type"}) {
    EXPECT_THAT(ProblemsOf({{field, "x"}}, "DPMSolverMultistepScheduler"), ElementsAre(StartsWith(field)));
  }
  EXPECT_THAT(ProblemsOf({{"solver_order", 4}}, "DPMSolverMultistepScheduler"),
              ElementsAre(StartsWith("solver_order")));
  for (const char* field : {"interpolation_type", "timestep_type", "final_sigmas_type"}) {
    EXPECT_THAT(ProblemsOf({{field, "x"}}, "EulerDiscreteScheduler"), ElementsAre(StartsWith(field)));
  }
  EXPECT_THAT(ProblemsOf({{"sigma_min", 2.0}, {"sigma_max", 1.0}}, "EulerDiscreteScheduler"),
              ElementsAre(StartsWith("sigma_min: ")));
}

TEST(SamplerConfigTest, AModelsOwnSamplerFollowsFromItsClassAndAlgorithm) {
  const auto kind = [](const char* class_name, nlohmann::json fields) {
    fields["_class_name"] = class_name;
    return SamplerConfig::FromJson("file", fields).kind;
  };
  for (const SamplerKind expected : AllSamplerKinds()) {
    if (expected == SamplerKind::kDpmpp2mSde || expected == SamplerKind::kDpmpp3mSde) continue;
    EXPECT_EQ(kind(std::string(DiffusersClass(expected)).c_str(), nlohmann::json::object()), expected);
  }
  const char* dpm = "DPMSolverMultistepScheduler";
  EXPECT_EQ(kind(dpm, {{"solver_order", 3}}), SamplerKind::kDpmpp2m);
  EXPECT_EQ(kind(dpm, {{"algorithm_type", "sde-dpmsolver++"}}), SamplerKind::kDpmpp2mSde);
  EXPECT_EQ(kind(dpm, {{"algorithm_type", "sde-dpmsolver++"}, {"solver_order", 1}}), SamplerKind::kDpmpp2mSde);
  EXPECT_EQ(kind(dpm, {{"algorithm_type", "sde-dpmsolver++"}, {"solver_order", 3}}), SamplerKind::kDpmpp3mSde);
}

TEST(SamplerConfigTest, EveryFieldOfDiffusersIsKnown) {
  for (const std::string& field : LoadGoldens().known_fields) {
    for (const std::string& problem : ProblemsOf({{field, "?"}})) {
      EXPECT_THAT(problem, testing::Not(testing::HasSubstr("unknown field")));
    }
  }
}

TEST(SamplerConfigTest, FieldsOfOldFilesAreKnown) {
  EXPECT_THAT(ProblemsOf({{"tensor_format", "pt"}, {"timestep_values", nullptr}, {"predict_epsilon", true}}),
              ElementsAre());
  EXPECT_THAT(ProblemsOf({{"predict_epsilon", false}}), ElementsAre(StartsWith("predict_epsilon: ")));
}

TEST(SamplerConfigTest, AMissingOrBrokenFileIsNamed) {
  EXPECT_THROW(SamplerConfig::FromFile("no/such/file.json"), ModelError);
}

}  // namespace
}  // namespace latentd::model
