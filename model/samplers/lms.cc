#include "model/samplers/lms.h"

#include <ATen/TensorOperators.h>

#include <algorithm>
#include <cmath>
#include <iterator>
#include <string>

#include "model/errors.h"
#include "model/samplers/prediction.h"

namespace latentd::model {
namespace {

constexpr int kOrder = 4;

// The integral, from nodes[0] to `end`, of the polynomial that is one at nodes[index] and zero at the other nodes.
double IntegralOfLagrange(const std::vector<double>& nodes, size_t index, double end) {
  // In powers of x - nodes[0], where nothing large cancels.
  std::vector<double> coefficients = {1};
  for (size_t k = 0; k < nodes.size(); ++k) {
    if (k == index) continue;
    const double root = nodes[k] - nodes[0];
    const double scale = 1 / (nodes[index] - nodes[k]);
    coefficients.push_back(0);
    for (size_t power = coefficients.size() - 1; power > 0; --power) {
      coefficients[power] = (coefficients[power - 1] - root * coefficients[power]) * scale;
    }
    coefficients[0] *= -root * scale;
  }
  const double length = end - nodes[0];
  double integral = 0;
  for (size_t power = coefficients.size(); power > 0; --power) {
    integral = (integral + coefficients[power - 1] / static_cast<double>(power)) * length;
  }
  return integral;
}

}  // namespace

LmsSampler::LmsSampler(const SamplerSettings& settings, int steps)
    : SigmaSampler(settings, steps, MakeSigmaSchedule(settings, NoiseSchedule(settings), steps)) {
  for (int i = 0; i < evaluations(); ++i) {
    std::vector<double> nodes;
    for (int age = 0; age <= std::min(i, kOrder - 1); ++age) nodes.push_back(SigmaAt(i - age));
    std::vector<float>& weights = weights_.emplace_back();
    for (size_t age = 0; age < nodes.size(); ++age) {
      weights.push_back(static_cast<float>(IntegralOfLagrange(nodes, age, SigmaAt(i + 1))));
      if (!std::isfinite(weights.back())) {
        throw ModelError("sampler", {"steps: " + std::to_string(steps) +
                                     " steps of lms visit a noise level twice, for which it has no solution"});
      }
    }
  }
}

// history: the earlier derivatives, oldest first. A row that starts from a picture has fewer than its weights are for:
// as in diffusers, what is not there counts as zero.
Advanced LmsSampler::Evaluate(SamplerState& state, const at::Tensor& latent, const at::Tensor& prediction,
                              at::Generator& /*generator*/) const {
  const float sigma = SigmaAt(state.evaluation);
  const at::Tensor clean = PredictCleanFromSigma(settings().prediction_type, latent, prediction, sigma);
  std::vector<at::Tensor>& history = state.history;
  history.push_back((latent - clean) / sigma);
  if (std::ssize(history) > kOrder) history.erase(history.begin());

  const std::vector<float>& weights = weights_.at(state.evaluation);
  at::Tensor sum = weights[0] * history.back();
  for (size_t age = 1; age < std::min(weights.size(), history.size()); ++age) {
    sum = sum + weights[age] * history.at(history.size() - 1 - age);
  }
  return {.latent = latent + sum, .predicted_clean = clean};
}

}  // namespace latentd::model
