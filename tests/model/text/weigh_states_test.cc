#include "model/text/weigh_states.h"

#include <ATen/Parallel.h>
#include <ATen/ops/ones.h>
#include <gtest/gtest.h>

#include <vector>

#include "tests/model/layers/golden.h"

namespace latentd::model {
namespace {

// States whose mean is `shift`, and whose root mean square is near 1.
at::Tensor States(double shift, int64_t features = 40) {
  const at::Tensor noise = InputByFormula("states", {77, features});
  return noise - noise.mean() + shift;
}

std::vector<float> Weights(float weight) {
  std::vector<float> weights(77, 1);
  for (size_t i = 1; i < 20; ++i) weights[i] = weight;
  return weights;
}

TEST(WeighStatesTest, MultipliesEachTokenAndGivesTheMeanBack) {
  const at::Tensor states = States(0.2);
  const at::Tensor weighted = WeighStates(states, Weights(1.5));
  EXPECT_NEAR(weighted.mean().item<double>(), 0.2, 1e-6);
  const at::Tensor ratio = weighted / states;  // the same for all values of a token
  const double plain = ratio[0][0].item<double>();
  EXPECT_LT(plain, 1);
  EXPECT_LT((ratio.narrow(0, 1, 19) / plain - 1.5).abs().max().item<double>(), 1e-5);
  EXPECT_LT((ratio.narrow(0, 20, 57) / plain - 1).abs().max().item<double>(), 1e-5);
}

TEST(WeighStatesTest, LeavesTheProductWhereTheMeanSaysNothing) {
  const auto product = [](const at::Tensor& states, float weight) {
    at::Tensor weighted = states.clone();
    weighted.narrow(0, 1, 19).mul_(weight);
    return weighted;
  };
  const at::Tensor no_mean = States(0.001);
  EXPECT_TRUE(SameBytes(WeighStates(no_mean, Weights(1.5)), product(no_mean, 1.5)));
  const at::Tensor states = States(0.2);
  EXPECT_TRUE(SameBytes(WeighStates(states, Weights(-9)), product(states, -9)));  // the mean's sign would change
  const at::Tensor zeros = at::ones({77, 40}) * 0;
  EXPECT_TRUE(SameBytes(WeighStates(zeros, Weights(2)), zeros));
}

TEST(WeighStatesTest, KeepsTheTypeAndComputesInFloat32) {
  const at::Tensor states = States(0.2).to(at::kBFloat16);
  const at::Tensor weighted = WeighStates(states, Weights(1.3));
  EXPECT_EQ(weighted.scalar_type(), at::kBFloat16);
  EXPECT_TRUE(SameBytes(weighted, WeighStates(states.to(at::kFloat), Weights(1.3)).to(at::kBFloat16)));
}

TEST(WeighStatesTest, GivesTheSameBytesWithAnyNumberOfThreads) {
  const at::Tensor states = States(0.2, 768);  // more values than LibTorch sums in one thread
  const int before = at::get_num_threads();
  const at::Tensor expected = WeighStates(states, Weights(1.3));
  for (const int threads : {1, 3, 8, 15}) {
    at::set_num_threads(threads);
    EXPECT_TRUE(SameBytes(WeighStates(states, Weights(1.3)), expected)) << threads;
  }
  at::set_num_threads(before);
}

TEST(WeighStatesTest, RefusesWeightsThatDoNotFit) {
  EXPECT_THROW(WeighStates(States(0.2), std::vector<float>(76, 1)), c10::Error);
  EXPECT_THROW(WeighStates(States(0.2).unsqueeze(0), std::vector<float>(77, 1)), c10::Error);
}

}  // namespace
}  // namespace latentd::model
