#include "model/samplers/sigma_spacing.h"

#include <algorithm>
#include <cmath>

#include "model/samplers/timestep_spacing.h"

namespace latentd::model {
namespace {

constexpr double kRho = 7.0;
constexpr double kBetaShape = 0.6;

std::vector<double> KarrasSigmas(double sigma_min, double sigma_max, int count) {
  const double low = std::pow(sigma_min, 1 / kRho);
  const double high = std::pow(sigma_max, 1 / kRho);
  std::vector<double> sigmas = Linspace(0, 1, count);
  for (double& sigma : sigmas) sigma = std::pow(high + sigma * (low - high), kRho);
  return sigmas;
}

std::vector<double> ExponentialSigmas(double sigma_min, double sigma_max, int count) {
  std::vector<double> sigmas = Linspace(std::log(sigma_max), std::log(sigma_min), count);
  for (double& sigma : sigmas) sigma = std::exp(sigma);
  return sigmas;
}

std::vector<double> BetaSigmas(double sigma_min, double sigma_max, int count) {
  std::vector<double> sigmas = Linspace(0, 1, count);
  for (double& sigma : sigmas) {
    sigma = sigma_min + SymmetricBetaQuantile(kBetaShape, 1 - sigma) * (sigma_max - sigma_min);
  }
  return sigmas;
}

}  // namespace

std::vector<double> SpacedSigmas(SigmaSpacing spacing, double sigma_min, double sigma_max, int count) {
  switch (spacing) {
    case SigmaSpacing::kExponential:
      return ExponentialSigmas(sigma_min, sigma_max, count);
    case SigmaSpacing::kBeta:
      return BetaSigmas(sigma_min, sigma_max, count);
    case SigmaSpacing::kKarras:
    case SigmaSpacing::kDefault:
      break;
  }
  return KarrasSigmas(sigma_min, sigma_max, count);
}

double SymmetricBetaQuantile(double shape, double probability) {
  if (probability > 0.5) return 1 - SymmetricBetaQuantile(shape, 1 - probability);
  if (probability <= 0) return 0;
  const double norm = std::tgamma(shape) * std::tgamma(shape) / std::tgamma(2 * shape);
  // The distribution's power series at zero, whose terms are all positive and at least halve where we need it:
  // Abramowitz and Stegun, 26.5.4 and 15.1.1.
  const auto cumulative = [&](double x) {
    double coefficient = 1;
    double sum = 0;
    for (int n = 0; n < 200; ++n) {
      const double term = coefficient / (shape + n);
      sum += term;
      if (term < 1e-17 * sum) break;
      coefficient *= (1 - shape + n) * x / (n + 1);
    }
    return std::pow(x, shape) * sum / norm;
  };
  // Newton's method. The distribution is concave below one half, so that from the second point on it rises to the
  // quantile from below; the start is the quantile of the first term.
  double x = std::pow(probability * shape * norm, 1 / shape);
  for (int i = 0; i < 50; ++i) {
    const double density = std::pow(x * (1 - x), shape - 1) / norm;
    const double step = (cumulative(x) - probability) / density;
    x = std::min(x - step, 0.5);
    if (std::abs(step) < 1e-16 * x) break;
  }
  return x;
}

}  // namespace latentd::model
