#include "model/samplers/prediction.h"

#include <ATen/TensorOperators.h>
#include <ATen/ops/full.h>
#include <ATen/ops/linspace.h>
#include <ATen/ops/sin.h>
#include <gtest/gtest.h>

namespace latentd::model {
namespace {

class PredictionTest : public testing::Test {
 protected:
  at::Tensor clean_ = at::sin(at::linspace(0, 5, 24)).reshape({2, 3, 4});
  at::Tensor noise_ = at::sin(at::linspace(3, 20, 24)).reshape({2, 3, 4});
};

TEST_F(PredictionTest, EveryTypeOfPredictionLeadsBackToTheCleanLatent) {
  const Mixture mixture = MixtureOfAlpha(0.3F);
  const at::Tensor latent = mixture.signal * clean_ + mixture.noise * noise_;
  const at::Tensor velocity = mixture.signal * noise_ - mixture.noise * clean_;
  EXPECT_TRUE(PredictClean(PredictionType::kEpsilon, latent, noise_, mixture).allclose(clean_, 1e-5, 1e-6));
  EXPECT_TRUE(PredictClean(PredictionType::kV, latent, velocity, mixture).allclose(clean_, 1e-5, 1e-6));
  EXPECT_TRUE(PredictClean(PredictionType::kSample, latent, clean_, mixture).equal(clean_));

  const float sigma = mixture.noise / mixture.signal;
  const at::Tensor unscaled = clean_ + sigma * noise_;
  EXPECT_TRUE(PredictCleanFromSigma(PredictionType::kEpsilon, unscaled, noise_, sigma).allclose(clean_, 1e-5, 1e-6));
  EXPECT_TRUE(PredictCleanFromSigma(PredictionType::kV, unscaled, velocity, sigma).allclose(clean_, 1e-5, 1e-6));
  EXPECT_TRUE(PredictCleanFromSigma(PredictionType::kSample, unscaled, clean_, sigma).equal(clean_));
}

TEST_F(PredictionTest, ClippingBoundsEveryElement) {
  const at::Tensor bounded = BoundClean({.clip_sample = true, .clip_sample_range = 0.5}, clean_);
  EXPECT_EQ(bounded.abs().max().item<float>(), 0.5F);
  EXPECT_TRUE(BoundClean({}, clean_).equal(clean_));
}

TEST_F(PredictionTest, ThresholdingScalesByTheQuantileAndWinsOverClipping) {
  const SamplerSettings settings{.clip_sample = true,
                                 .clip_sample_range = 0.1,
                                 .thresholding = true,
                                 .dynamic_thresholding_ratio = 0.9,
                                 .sample_max_value = 4.0};
  // Nothing is above 1: clipping to [-1, 1].
  EXPECT_TRUE(BoundClean(settings, clean_).equal(clean_));
  EXPECT_TRUE(BoundClean(settings, at::full({2, 3}, 3.0)).equal(at::full({2, 3}, 1.0)));
  EXPECT_TRUE(BoundClean(settings, at::full({2, 3}, 9.0)).equal(at::full({2, 3}, 1.0)));
}

}  // namespace
}  // namespace latentd::model
