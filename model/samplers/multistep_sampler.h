#pragma once

#include <vector>

#include "model/samplers/prediction.h"
#include "model/samplers/sampler.h"
#include "model/samplers/sampler_settings.h"
#include "model/samplers/sigma_schedule.h"

namespace latentd::model {

// What dpmpp_2m, dpmpp_2m_sde, dpmpp_3m_sde, unipc and deis share: latents that are a mixture given by sigma, and
// methods whose order rises from one as predictions come in, and falls again at the end. Steps are measured in lambda =
// log(signal / noise), as in Lu et al., "DPM-Solver".
class MultistepSampler : public Sampler {
 public:
  at::Tensor AddNoise(const at::Tensor& clean, const at::Tensor& noise, int evaluation) const override;

 protected:
  MultistepSampler(const SamplerSettings& settings, int steps, SigmaSchedule schedule);

  const SamplerSettings& settings() const { return settings_; }

  // Before each evaluation; at evaluations(), the last one's target.
  Mixture MixtureAt(int index) const { return mixtures_.at(index); }
  float LambdaAt(int index) const { return lambdas_.at(index); }  // infinite where there is no noise

  // h of the papers: by how much lambda rises.
  float Length(int evaluation) const { return LambdaAt(evaluation + 1) - LambdaAt(evaluation); }

  // r of the papers: the length of the step before the one at `evaluation`, or of the one `age` before it, as a part of
  // this step's own.
  float Ratio(int evaluation, int age) const { return Length(evaluation - age) / Length(evaluation); }

  // The order of the step at `evaluation` when `known` earlier predictions are at hand, where runs of few steps end
  // with lower orders.
  int Order(int evaluation, int known) const;

  // Appends `output` to the row's earlier ones, oldest first, and keeps as many as the next step can use.
  void Remember(std::vector<at::Tensor>& outputs, const at::Tensor& output) const;

 private:
  const SamplerSettings settings_;
  std::vector<Mixture> mixtures_;
  std::vector<float> lambdas_;
};

}  // namespace latentd::model
