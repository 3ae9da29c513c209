#include "model/pipeline/row_start.h"

#include <ATen/TensorOperators.h>

namespace latentd::model {

at::Tensor Hold::Apply(const at::Tensor& latent, const Sampler& sampler, int evaluation) const {
  const at::Tensor kept = evaluation < end ? sampler.AddNoise(clean, noise, evaluation) : clean;
  return (1 - mask) * kept + mask * latent;
}

at::Tensor Draw(const EncodedPicture& picture, at::Generator& generator) {
  at::Tensor mean = picture.mean[0];
  if (!picture.deviation.defined()) return mean;
  return mean + picture.deviation[0] * DrawNoise(mean.sizes(), generator, mean.device());
}

}  // namespace latentd::model
