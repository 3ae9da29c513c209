#pragma once

#include <vector>

#include "model/samplers/sampler_settings.h"

namespace latentd::model {

// The timesteps of lcm and tcd: a part of those that the model was distilled on (`original_inference_steps` of them,
// evenly spaced), falling from the noisiest, whatever the settings' own spacing. `strength`, up to 1, leaves out the
// noisier rest of those. Throws ModelError for more steps than there are then.
std::vector<double> ConsistencyTimesteps(const SamplerSettings& settings, int steps, double strength);

}  // namespace latentd::model
