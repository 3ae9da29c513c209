#include "model/unet/added_features.h"

#include <ATen/ops/cat.h>

#include "model/unet/timestep_embedding.h"

namespace latentd::model {

at::Tensor AddedFeatures(const UNetConfig& config, const AddedConditions& added) {
  const at::Tensor numbers = SinusoidalEmbedding(added.numbers.flatten(), config.added_number_features,
                                                 config.flip_sin_to_cos, config.freq_shift)
                                 .view({added.numbers.size(0), -1});  // [L, K·N]
  return at::cat({added.pooled.to(at::kFloat), numbers.to(added.pooled.device())}, 1);
}

}  // namespace latentd::model
