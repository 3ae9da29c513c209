#include "model/samplers/euler.h"

#include <ATen/TensorOperators.h>

#include "model/samplers/prediction.h"

namespace latentd::model {

EulerSampler::EulerSampler(const SamplerSettings& settings, int steps)
    : SigmaSampler(settings, steps, MakeSigmaSchedule(settings, NoiseSchedule(settings), steps)) {}

Advanced EulerSampler::Evaluate(SamplerState& state, const at::Tensor& latent, const at::Tensor& prediction,
                                at::Generator& /*generator*/) const {
  const float sigma = SigmaAt(state.evaluation);
  const float target = SigmaAt(state.evaluation + 1);
  const at::Tensor clean = PredictCleanFromSigma(settings().prediction_type, latent, prediction, sigma);
  const at::Tensor derivative = (latent - clean) / sigma;
  return {.latent = latent + derivative * (target - sigma), .predicted_clean = clean};
}

}  // namespace latentd::model
