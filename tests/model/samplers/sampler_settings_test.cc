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
  EXPECT_FALSE(pndm.clip_sample || pndm.thresholding || pndm.rescale_betas_zero_snr || pndm.karras);
  const SamplerSettings heun = Resolve(config, SamplerKind::kHeun);
  EXPECT_TRUE(heun.clip_sample && heun.karras);
  EXPECT_FALSE(heun.thresholding || heun.rescale_betas_zero_snr);
  const SamplerSettings euler = Resolve(config, SamplerKind::kEuler);
  EXPECT_TRUE(euler.rescale_betas_zero_snr && euler.karras);
  EXPECT_FALSE(euler.clip_sample || euler.thresholding);
}

TEST(SamplerSettingsTest, ARequestForKarrasSigmasWinsOverTheFile) {
  SamplerConfig config;
  config.use_exponential_sigmas = true;
  std::vector<FieldProblem> problems;
  ResolveSettings(config, SamplerKind::kEuler, SigmaSpacing::kDefault, problems);
  EXPECT_EQ(problems.size(), 1U);
  EXPECT_TRUE(Resolve(config, SamplerKind::kEuler, SigmaSpacing::kKarras).karras);
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
