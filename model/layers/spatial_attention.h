#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include "model/layers/attention.h"
#include "model/layers/group_norm.h"

namespace latentd::model {

// Attention among the pixels of a map, added to it (diffusers' Attention with residual_connection, as its convolutional
// blocks use it).
class SpatialAttentionImpl : public AttentionImpl {
 public:
  struct Shape {
    int64_t channels;
    int64_t head_features = 0;  // channels / head_features heads, rounded down; 0: one head over all channels
    int64_t norm_groups;        // 0: the map is not normalised first
    double norm_eps;
    double output_scale = 1.0;  // the sum is divided by it
  };

  SpatialAttentionImpl(const Shape& shape, const at::TensorOptions& options);

  at::Tensor forward(const at::Tensor& x) const;  // [B, C, H, W] -> [B, C, H, W]

  GroupNorm group_norm{nullptr};

 private:
  const double output_scale_;
};
TORCH_MODULE(SpatialAttention);

}  // namespace latentd::model
