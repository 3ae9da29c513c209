#include "model/samplers/euler_ancestral.h"

#include <ATen/TensorOperators.h>

#include "model/samplers/prediction.h"
#include "model/samplers/reference_math.h"

namespace latentd::model {

EulerAncestralSampler::EulerAncestralSampler(const SamplerSettings& settings, int steps)
    : SigmaSampler(settings, steps, MakeSigmaSchedule(settings, NoiseSchedule(settings), steps)) {}

Advanced EulerAncestralSampler::Evaluate(SamplerState& state, const at::Tensor& latent, const at::Tensor& prediction,
                                         at::Generator& generator) const {
  const float sigma = SigmaAt(state.evaluation);
  const float target = SigmaAt(state.evaluation + 1);
  const float variance = sigma * sigma;
  const float target_variance = target * target;
  const float up = Sqrt(target_variance * (variance - target_variance) / variance);
  const float down = Sqrt(target_variance - up * up);

  const at::Tensor clean = PredictCleanFromSigma(settings().prediction_type, latent, prediction, sigma);
  const at::Tensor derivative = (latent - clean) / sigma;
  const at::Tensor noise = DrawNoise(latent.sizes(), generator, latent.device());
  return {.latent = latent + derivative * (down - sigma) + noise * up, .predicted_clean = clean};
}

}  // namespace latentd::model
