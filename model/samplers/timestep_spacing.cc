#include "model/samplers/timestep_spacing.h"

#include <algorithm>
#include <cmath>

namespace latentd::model {

std::vector<double> Linspace(double start, double stop, int count) {
  std::vector<double> values(count);
  const double step = (stop - start) / std::max(count - 1, 1);
  for (int i = 0; i < count; ++i) values[i] = i * step + start;
  if (count > 1) values.back() = stop;
  return values;
}

std::vector<double> ArangeDownToZero(double start, double step) {
  std::vector<double> values(static_cast<size_t>(std::ceil(-start / step)));
  // numpy multiplies the difference of the first two numbers, which is not quite `step`.
  const double difference = (start + step) - start;
  for (size_t i = 0; i < values.size(); ++i) values[i] = start + static_cast<double>(i) * difference;
  return values;
}

std::vector<double> SpacedTimesteps(const SamplerSettings& settings, int steps) {
  const int train = settings.num_train_timesteps;
  std::vector<double> timesteps;
  switch (settings.timestep_spacing) {
    case TimestepSpacing::kLinspace:
      timesteps = Linspace(0, train - 1, steps);
      std::reverse(timesteps.begin(), timesteps.end());
      break;
    case TimestepSpacing::kLeading:
      for (int i = steps - 1; i >= 0; --i) timesteps.push_back(i * (train / steps) + settings.steps_offset);
      break;
    case TimestepSpacing::kTrailing:
      timesteps = ArangeDownToZero(train, -(static_cast<double>(train) / steps));
      for (double& timestep : timesteps) timestep = std::nearbyint(timestep) - 1;
      break;
  }
  return timesteps;
}

}  // namespace latentd::model
