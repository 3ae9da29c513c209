#pragma once

#include <vector>

#include "model/samplers/dpm2.h"

namespace latentd::model {

// dpm2 as an ancestral sampler: a step goes on below its end and adds the noise that is missing there; reference:
// KDPM2AncestralDiscreteScheduler of diffusers 0.42.1.
class Dpm2AncestralSampler final : public MidpointSampler {
 public:
  // Throws ModelError when a step is so long that its end is all new noise in float32.
  Dpm2AncestralSampler(const SamplerSettings& settings, int steps);

 private:
  // Of every step but the last, which adds no noise.
  struct Ancestry {
    std::vector<float> up;      // the noise that is added
    std::vector<float> down;    // the level that the step goes to before
    std::vector<float> middle;  // the level of the second evaluation
  };

  Dpm2AncestralSampler(const SamplerSettings& settings, int steps, const NoiseSchedule& noise);
  Dpm2AncestralSampler(const SamplerSettings& settings, int steps, const NoiseSchedule& noise,
                       const SigmaSchedule& schedule, Ancestry ancestry);

  static Ancestry AncestryOf(const SigmaSchedule& schedule);

  Advanced Evaluate(SamplerState& state, const at::Tensor& latent, const at::Tensor& prediction,
                    at::Generator& generator) const override;

  const Ancestry ancestry_;
};

}  // namespace latentd::model
