#include "model/samplers/consistency_schedule.h"

#include <cmath>
#include <string>

#include "model/errors.h"

namespace latentd::model {

std::vector<double> ConsistencyTimesteps(const SamplerSettings& settings, int steps, double strength) {
  const int stride = settings.num_train_timesteps / settings.original_inference_steps;
  const int original = static_cast<int>(settings.original_inference_steps * strength);
  if (steps > original) {
    throw ModelError("sampler", {"steps: " + std::to_string(steps) + " is more than the " + std::to_string(original) +
                                 " steps of the distillation (original_inference_steps" +
                                 (strength < 1 ? " times the strength)" : ")")});
  }
  const double skip = static_cast<double>(original) / steps;
  std::vector<double> timesteps;
  for (int i = 0; i < steps; ++i) {
    const int index = static_cast<int>(std::floor(i * skip));
    timesteps.push_back((original - index) * stride - 1);
  }
  return timesteps;
}

}  // namespace latentd::model
