#pragma once

#include <vector>

#include "model/samplers/sampler_kind.h"

namespace latentd::model {

// `count` noise levels from `sigma_max` down to `sigma_min`, one level being `sigma_max`. In double, as diffusers
// computes them. REQUIRES: spacing is not kDefault; count > 0; the levels are positive.
//
//   kKarras       evenly spaced in their seventh root: Karras et al., "Elucidating the design space of diffusion-based
//                 generative models", equation 5
//   kExponential  evenly spaced in their logarithm
//   kBeta         at the quantiles of the beta distribution with both parameters 0.6, denser at both ends: Lee et al.,
//                 "Beta sampling is all you need"
std::vector<double> SpacedSigmas(SigmaSpacing spacing, double sigma_min, double sigma_max, int count);

// The quantile at `probability`, in [0, 1], of the symmetric beta distribution with both parameters `shape`, to about
// the precision of double. REQUIRES: 0 < shape <= 1.
double SymmetricBetaQuantile(double shape, double probability);

}  // namespace latentd::model
