#pragma once

#include "model/samplers/alpha_sampler.h"

namespace latentd::model {

// Liu et al., "Pseudo numerical methods for diffusion models on manifolds"; reference: PNDMScheduler of diffusers
// 0.42.1.
//
// A linear multistep method over up to four predictions, which has to be warmed up: by three Runge-Kutta steps of four
// evaluations each, or, with skip_prk_steps (as Stable Diffusion has it), by one step of two evaluations and two of
// lower order.
class PndmSampler final : public AlphaSampler {
 public:
  // Throws ModelError for fewer than four steps with Runge-Kutta steps.
  PndmSampler(const SamplerSettings& settings, int steps);

  int StepsDone(int evaluation) const override;

 private:
  Advanced Evaluate(SamplerState& state, const at::Tensor& latent, const at::Tensor& prediction,
                    at::Generator& generator) const override;
  at::Tensor RungeKutta(SamplerState& state, const at::Tensor& latent, const at::Tensor& prediction) const;
  at::Tensor LinearMultistep(SamplerState& state, const at::Tensor& latent, const at::Tensor& prediction) const;

  // Formula 9: carries `latent` along `prediction` from `timestep` to `target`.
  at::Tensor Transfer(const at::Tensor& latent, int64_t timestep, int64_t target, const at::Tensor& prediction) const;

  int64_t stride() const { return settings().num_train_timesteps / steps(); }
};

}  // namespace latentd::model
