// Every sampler against runs of diffusers' own classes: tests/parity/samplers/cases.py lists them.

#include <ATen/TensorOperators.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <iterator>
#include <map>
#include <vector>

#include "model/errors.h"
#include "tests/model/samplers/golden_cases.h"

namespace latentd::model {
namespace {

// Of latents: over a whole run of up to a thousand steps, relative to the largest element of the reference. Of
// timesteps: between whole ones, which are looked up by a level's logarithm.
struct Tolerances {
  double latents;
  double timesteps;
};
// Where LibTorch rounds elementary functions as it did for the reference, all but lms, whose weights we integrate
// exactly, are equal to the bit.
constexpr Tolerances kSameRounding = {.latents = 3e-6, .timesteps = 1e-4};
// Another maker's processors round some otherwise in the last place, which is much to schedules that subtract what is
// nearly equal (an end without signal): up to 6e-4 was seen, and a hundredth of a timestep.
constexpr Tolerances kOtherRounding = {.latents = 2e-3, .timesteps = 0.02};

double RelativeDifference(const at::Tensor& actual, const at::Tensor& expected) {
  const double scale = std::max(1.0, expected.abs().max().item<double>());
  return (actual - expected).abs().max().item<double>() / scale;
}

std::vector<GoldenCase> CasesOf(SamplerKind kind, bool errors) {
  std::vector<GoldenCase> cases = GoldenCases();
  std::erase_if(cases, [&](const GoldenCase& c) { return c.options.kind != kind || c.is_error != errors; });
  return cases;
}

// The latent after the last evaluation.
at::Tensor LastLatent(const GoldenCase& golden) {
  const auto sampler = golden.Make();
  TestRow row(*sampler, golden.shape, golden.seed, golden.skipped);
  while (!row.IsDone(*sampler)) row.Step(*sampler, golden.learned_variance);
  return row.latent;
}

// By the simplest sampler's runs.
const Tolerances& TolerancesHere() {
  static const Tolerances& here = [] {
    const std::vector<GoldenCase> cases = CasesOf(SamplerKind::kDdim, /*errors=*/false);
    const auto same = std::count_if(cases.begin(), cases.end(), [](const GoldenCase& golden) {
      return LastLatent(golden).equal(LoadGoldens().tensors.at(golden.name + ".latents")[3]);
    });
    return 2 * same > std::ssize(cases) ? std::cref(kSameRounding) : std::cref(kOtherRounding);
  }();
  return here;
}

class GoldenTest : public testing::TestWithParam<SamplerKind> {};

INSTANTIATE_TEST_SUITE_P(Samplers, GoldenTest, testing::ValuesIn(AllSamplerKinds()),
                         [](const auto& kind) { return std::string(Name(kind.param)); });

TEST_P(GoldenTest, GivesTheTimestepsOfTheReference) {
  for (const GoldenCase& golden : CasesOf(GetParam(), /*errors=*/false)) {
    SCOPED_TRACE(golden.name);
    const auto sampler = golden.Make();
    const at::Tensor expected = LoadGoldens().tensors.at(golden.name + ".timesteps");
    EXPECT_EQ(sampler->steps(), golden.options.steps);
    ASSERT_EQ(sampler->evaluations(), expected.numel());
    for (int i = 0; i < sampler->evaluations(); ++i) {
      const SamplerState state{.evaluation = i};
      EXPECT_NEAR(sampler->Timestep(state), expected[i].item<double>(), TolerancesHere().timesteps) << i;
    }
  }
}

TEST_P(GoldenTest, GivesTheLatentsOfTheReference) {
  double worst = 0;
  std::string worst_case;
  int exact = 0;
  const std::vector<GoldenCase> cases = CasesOf(GetParam(), /*errors=*/false);
  ASSERT_GE(cases.size(), 30U);
  for (const GoldenCase& golden : cases) {
    SCOPED_TRACE(golden.name);
    const auto sampler = golden.Make();
    const at::Tensor expected = LoadGoldens().tensors.at(golden.name + ".latents");
    EXPECT_NEAR(sampler->init_noise_sigma(), golden.init_noise_sigma, 2e-7 * golden.init_noise_sigma);
    TestRow row(*sampler, golden.shape, golden.seed, golden.skipped);
    double difference = RelativeDifference(sampler->AddNoise(row.clean, row.noise, golden.mid), expected[2]);
    while (!row.IsDone(*sampler)) {
      const bool mid = row.state.evaluation == golden.mid;
      const Advanced advanced = row.Step(*sampler, golden.learned_variance);
      ASSERT_EQ(advanced.latent.sizes(), at::IntArrayRef(golden.shape));
      ASSERT_EQ(advanced.predicted_clean.sizes(), at::IntArrayRef(golden.shape));
      if (!mid) continue;
      difference = std::max({difference, RelativeDifference(advanced.latent, expected[0]),
                             RelativeDifference(advanced.predicted_clean, expected[1])});
    }
    difference = std::max(difference, RelativeDifference(row.latent, expected[3]));
    EXPECT_LE(difference, TolerancesHere().latents);
    exact += difference == 0 ? 1 : 0;
    if (difference >= worst) {
      worst = difference;
      worst_case = golden.name;
    }
  }
  std::printf("%s: %zu runs, %d equal to the bit, worst relative difference %.2g (%s)\n",
              std::string(Name(GetParam())).c_str(), cases.size(), exact, worst, worst_case.c_str());
}

TEST_P(GoldenTest, RefusesWhatTheReferenceCannotDo) {
  for (const GoldenCase& golden : CasesOf(GetParam(), /*errors=*/true)) {
    EXPECT_THROW(golden.Make(), ModelError) << golden.name;
  }
}

}  // namespace
}  // namespace latentd::model
