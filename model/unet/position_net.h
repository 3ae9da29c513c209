#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <span>

#include "model/layers/linear.h"
#include "model/unet/grounding.h"

namespace latentd::model {

// Sinusoids of each box's four sides, [n, 64]: by frequency, of which there are 8, four sines and four cosines
// (diffusers' get_fourier_embeds_from_boundingbox). float32 on the CPU.
at::Tensor BoxFeatures(std::span<const Box> boxes);

// Makes of phrases and boxes what gated self-attention looks at (Li et al. 2023, arXiv:2301.07093, section 4.1;
// diffusers' GLIGENTextBoundingboxProjection for texts).
class PositionNetImpl : public torch::nn::Module {
 public:
  // `features`: of a phrase's vector, and of the result.
  PositionNetImpl(int64_t features, const at::TensorOptions& options);

  // What lanes are told, one entry for each, none of them null -> [n, kMaxBoxes, features], in the network's type.
  // Places without a box hold what was learned for them. On the CPU in float32 a lane's bytes depend on nothing but
  // that lane.
  // They are the lanes from `first_lane` of the network's forward on.
  at::Tensor forward(std::span<const Grounding* const> lanes, int64_t first_lane) const;

 private:
  Linear linear_0_{nullptr}, linear_2_{nullptr}, linear_4_{nullptr};  // "linears.0" …, with SiLU between them
  at::Tensor null_positive_feature_;                                  // [features]
  at::Tensor null_position_feature_;                                  // [64]
};
TORCH_MODULE(PositionNet);

}  // namespace latentd::model
