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
// table. In the precision of `sigma`.
double SigmaToTimestep(double sigma, const std::vector<float>& log_sigmas);
float SigmaToTimestep(float sigma, const std::vector<float>& log_sigmas);

// The last level of a run: 0, or the lowest training sigma.
float FinalSigma(const SamplerSettings& settings, const NoiseSchedule& noise);

// Throws ModelError when a level but the last is not a positive number (betas that leave no signal, or no noise).
void CheckLevels(const SigmaSchedule& schedule);

// The noise levels of a run without its last one, and their timesteps, in double as diffusers computes them.
struct Levels {
  std::vector<double> timesteps;
  std::vector<double> sigmas;
};

// The levels of the samplers that keep the clean part's scale. `float_timesteps`: the timesteps that the levels are
// looked up at are rounded to float32 first. Throws as CheckLevels.
Levels MakeLevels(const SamplerSettings& settings, const NoiseSchedule& noise, int steps, bool float_timesteps);

// The schedule that euler, euler_a, heun and lms share. Throws as CheckLevels.
SigmaSchedule MakeSigmaSchedule(const SamplerSettings& settings, const NoiseSchedule& noise, int steps);

}  // namespace latentd::model
