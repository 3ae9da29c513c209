#include "model/text/weigh_states.h"

#include <ATen/ops/tensor.h>

#include <cmath>

namespace latentd::model {
namespace {

constexpr double kSmallestMean = 0.02;  // of the root mean square

struct Moments {
  double mean;
  double root_mean_square;

  bool has_mean() const { return std::abs(mean) > kSmallestMean * root_mean_square; }
};

// A sum over everything would be cut differently with the threads: first each token's, then theirs.
double Mean(const at::Tensor& values) {
  return values.sum(1).sum().item<double>() / static_cast<double>(values.numel());
}

Moments MomentsOf(const at::Tensor& states) {
  const at::Tensor values = states.to(at::kDouble);
  return {.mean = Mean(values), .root_mean_square = std::sqrt(Mean(values * values))};
}

}  // namespace

at::Tensor WeighStates(const at::Tensor& states, std::span<const float> weights) {
  TORCH_CHECK(states.dim() == 2 && states.size(0) == static_cast<int64_t>(weights.size()), "one weight for each of ",
              states.size(0), " states, not ", weights.size());
  const at::Tensor factors =
      at::tensor(at::ArrayRef<float>(weights.data(), weights.size())).to(states.device());  // [T]
  const at::Tensor before = states.to(at::kFloat);
  const at::Tensor after = before * factors.unsqueeze(1);  // [T, D]
  const Moments old_moments = MomentsOf(before);
  const Moments new_moments = MomentsOf(after);
  const double factor = old_moments.mean / new_moments.mean;
  const bool restores = old_moments.has_mean() && new_moments.has_mean() && factor > 0;
  const at::Tensor weighted = restores ? after * factor : after;
  return weighted.to(states.scalar_type());
}

}  // namespace latentd::model
