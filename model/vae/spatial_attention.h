#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include "model/layers/attention.h"
#include "model/layers/group_norm.h"

namespace latentd::model {

// Attention of one head among the pixels of a map, added to it (diffusers' Attention with group_norm and
// residual_connection).
class SpatialAttentionImpl : public AttentionImpl {
 public:
  SpatialAttentionImpl(int64_t channels, int64_t norm_groups, double norm_eps, const at::TensorOptions& options);

  at::Tensor forward(const at::Tensor& x) const;  // [B, C, H, W] -> [B, C, H, W]

  GroupNorm group_norm;
};
TORCH_MODULE(SpatialAttention);

}  // namespace latentd::model
