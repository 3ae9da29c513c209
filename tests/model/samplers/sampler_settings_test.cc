#include "model/samplers/sampler_settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace latentd::model {
namespace {

SamplerSettings Resolve(const SamplerConfig& config, SamplerKind kind, SigmaSpacing spacing = SigmaSpacing::kDefault) {
  std::vector<FieldProblem> problems;
  SamplerSettings settings = ResolveSettings(config, kind, spacing, problems);
  EXPECT_TRUE(problems.empty());
  return settings;
}

TEST(SamplerSettingsTest, AbsentFieldsGetTheDefaultsOfTheClassThatReadsThem) {
  const SamplerConfig config;
  EXPECT_EQ(Resolve(config, SamplerKind::kDdim).timestep_spacing, TimestepSpacing::kLeading);
  EXPECT_EQ(Resolve(config, SamplerKind::kEuler).timestep_spacing, TimestepSpacing::kLinspace);
  EXPECT_EQ(Resolve(config, SamplerKind::kEuler).beta_end, 0.02);
  EXPECT_EQ(Resolve(config, SamplerKind::kHeun).beta_end, 0.012);
  EXPECT_TRUE(Resolve(config, SamplerKind::kDdim).clip_sample);
  EXPECT_FALSE(Resolve(config, SamplerKind::kHeun).clip_sample);
  EXPECT_TRUE(Resolve(config, SamplerKind::kDdim).set_alpha_to_one);
  EXPECT_FALSE(Resolve(config, SamplerKind::kPndm).set_alpha_to_one);
}

TEST(SamplerSettingsTest, FieldsThatAClassDoesNotHaveAreDropped) {
  SamplerConfig config;
  config.clip_sample = true;
  config.thresholding = true;
  config.rescale_betas_zero_snr = true;
  config.use_karras_sigmas = true;
  const SamplerSettings pndm = Resolve(config, SamplerKind::kPndm);
  EXPECT_FALSE(pndm.clip_sample || pndm.thresholding || pndm.rescale_betas_zero_snr ||
               pndm.spacing != SigmaSpacing::kDefault);
  const SamplerSettings heun = Resolve(config, SamplerKind::kHeun);
  EXPECT_TRUE(heun.clip_sample && heun.spacing == SigmaSpacing::kKarras);
  EXPECT_FALSE(heun.thresholding || heun.rescale_betas_zero_snr);
  const SamplerSettings euler = Resolve(config, SamplerKind::kEuler);
  EXPECT_TRUE(euler.rescale_betas_zero_snr && euler.spacing == SigmaSpacing::kKarras);
  EXPECT_FALSE(euler.clip_sample || euler.thresholding);
}

TEST(SamplerSettingsTest, ARequestForASpacingWinsOverTheFile) {
  SamplerConfig config;
  config.use_exponential_sigmas = true;
  EXPECT_EQ(Resolve(config, SamplerKind::kEuler).spacing, SigmaSpacing::kExponential);
  for (const SigmaSpacing spacing : {SigmaSpacing::kKarras, SigmaSpacing::kExponential, SigmaSpacing::kBeta}) {
    EXPECT_EQ(Resolve(config, SamplerKind::kEuler, spacing).spacing, spacing);
  }
}

TEST(SamplerSettingsTest, AFileMayNameOneSpacingOnly) {
  SamplerConfig config;
  config.use_karras_sigmas = true;
  config.use_beta_sigmas = true;
  std::vector<FieldProblem> problems;
  ResolveSettings(config, SamplerKind::kUnipc, SigmaSpacing::kDefault, problems);
  ASSERT_EQ(problems.size(), 1U);
  EXPECT_EQ(problems[0].field, "use_beta_sigmas");
  EXPECT_EQ(Resolve(config, SamplerKind::kUnipc, SigmaSpacing::kExponential).spacing, SigmaSpacing::kExponential);
}

TEST(SamplerSettingsTest, TheKarrasSpacingOfLmsAndDpmppSdeHasNoBounds) {
  SamplerConfig config;
  config.sigma_min = 0.05;
  for (const SamplerKind kind : {SamplerKind::kLms, SamplerKind::kDpmppSde}) {
    EXPECT_EQ(Resolve(config, kind, SigmaSpacing::kKarras).sigma_min, std::nullopt);
    EXPECT_EQ(Resolve(config, kind, SigmaSpacing::kBeta).sigma_min, 0.05);
  }
  EXPECT_EQ(Resolve(config, SamplerKind::kDpm2, SigmaSpacing::kKarras).sigma_min, 0.05);
}

TEST(SamplerSettingsTest, ARequestSaysWhichOfTheDpmSolversItMeans) {
  SamplerConfig config;
  config.solver_order = 3;
  EXPECT_FALSE(Resolve(config, SamplerKind::kDpmpp2m).stochastic);
  EXPECT_EQ(Resolve(config, SamplerKind::kDpmpp2m).solver_order, 3);
  EXPECT_TRUE(Resolve(config, SamplerKind::kDpmpp2mSde).stochastic);
  EXPECT_EQ(Resolve(config, SamplerKind::kDpmpp2mSde).solver_order, 2);
  config.solver_order = 1;
  EXPECT_EQ(Resolve(config, SamplerKind::kDpmpp2mSde).solver_order, 1);
  EXPECT_TRUE(Resolve(config, SamplerKind::kDpmpp3mSde).stochastic);
  EXPECT_EQ(Resolve(config, SamplerKind::kDpmpp3mSde).solver_order, 3);
}

TEST(SamplerSettingsTest, StableDiffusionPipelinesChangeTheModelsOwnScheduler) {
  SamplerConfig config;
  config.kind = SamplerKind::kDdim;
  config.stable_diffusion_pipeline = true;
  EXPECT_EQ(Resolve(config, SamplerKind::kDdim).steps_offset, 1);
  EXPECT_FALSE(Resolve(config, SamplerKind::kDdim).clip_sample);
  // A default is not handed on to another class, a field of the file is, as the pipeline changed it.
  EXPECT_EQ(Resolve(config, SamplerKind::kDdpm).steps_offset, 0);
  EXPECT_TRUE(Resolve(config, SamplerKind::kDdpm).clip_sample);
  config.steps_offset = 0;
  config.clip_sample = true;
  EXPECT_EQ(Resolve(config, SamplerKind::kDdpm).steps_offset, 1);
  EXPECT_FALSE(Resolve(config, SamplerKind::kDdpm).clip_sample);
}

}  // namespace
}  // namespace latentd::model
