#pragma once

#include <vector>

#include "model/samplers/sampler_settings.h"

namespace latentd::model {

// `count` evenly spaced numbers from `start` to `stop`, as numpy.linspace computes them in double: one number is
// `start`.
std::vector<double> Linspace(double start, double stop, int count);

// start, start + step, … above zero, as numpy.arange(start, 0, step) computes them; `step` is negative. Rounding may
// give one number more than start / -step, near zero.
std::vector<double> ArangeDownToZero(double start, double step);

// The training timesteps that a run of `steps` steps visits, falling, before any rounding of "linspace". Table 2 of Lin
// et al., "Common diffusion noise schedules and sample steps are flawed".
//
// "trailing" gives one timestep too many, -1, for a few step counts (62 of 1000): the rounding of numpy.arange, which
// we keep because diffusers runs that timestep too.
std::vector<double> SpacedTimesteps(const SamplerSettings& settings, int steps);

}  // namespace latentd::model
