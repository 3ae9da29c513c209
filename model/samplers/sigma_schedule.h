#pragma once

#include <vector>

#include "model/samplers/noise_schedule.h"
#include "model/samplers/sampler_settings.h"

namespace latentd::model {

// The noise levels of a run, sigma = noise / signal.
struct SigmaSchedule {
  std::vector<double> timesteps;  // what the network gets, one per evaluation
  std::vector<float> sigmas;      // the level before each evaluation, and the last one's target
};

// `table` (indexed by whole timesteps) at a fractional timestep, constant beyond its ends, as numpy.interp does it.
double Interpolate(const std::vector<float>& table, double timestep);

// The logarithms of training sigmas, float32, for SigmaToTimestep.
std::vector<float> LogSigmas(const std::vector<float>& sigmas);

// The timestep at which a model with these training sigmas has level `sigma`, linear in the logarithm, clamped to the
// table.
double SigmaToTimestep(double sigma, const std::vector<float>& log_sigmas);

// `count` levels from `sigma_max` down to `sigma_min`, evenly spaced in their seventh root. Karras et al., "Elucidating
// the design space of diffusion-based generative models", equation 5. In double, as diffusers computes them.
std::vector<double> KarrasSigmas(double sigma_min, double sigma_max, int count);

// The last level of a run: 0, or the lowest training sigma.
float FinalSigma(const SamplerSettings& settings, const NoiseSchedule& noise);

// Throws ModelError when a level but the last is not a positive number (betas that leave no signal, or no noise).
void CheckLevels(const SigmaSchedule& schedule);

// The schedule that euler, euler_a and heun share. Throws as CheckLevels.
SigmaSchedule MakeSigmaSchedule(const SamplerSettings& settings, const NoiseSchedule& noise, int steps);

}  // namespace latentd::model
