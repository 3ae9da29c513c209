#pragma once

#include <vector>

#include "model/samplers/sampler_settings.h"

namespace latentd::model {

// The timesteps of lcm and tcd: a part of those that the model was distilled on (`original_inference_steps` of them,
// evenly spaced), falling from the noisiest, whatever the settings' own spacing. Throws ModelError for
// more steps than the distillation had.
std::vector<double> ConsistencyTimesteps(const SamplerSettings& settings, int steps);

}  // namespace latentd::model
