#include "model/layers/spatial_attention.h"

#include "model/layers/tokens.h"

namespace latentd::model {
namespace {

AttentionImpl::Shape ShapeOf(const SpatialAttentionImpl::Shape& shape) {
  const int64_t head_features = shape.head_features > 0 ? shape.head_features : shape.channels;
  return {.channels = shape.channels,
          .heads = shape.channels / head_features,
          .context_features = shape.channels,
          .head_features = head_features,
          .projection_bias = true};
}

}  // namespace

SpatialAttentionImpl::SpatialAttentionImpl(const Shape& shape, const at::TensorOptions& options)
    : AttentionImpl(ShapeOf(shape), options), output_scale_(shape.output_scale) {
  if (shape.norm_groups > 0) {
    group_norm = register_module("group_norm", GroupNorm(shape.norm_groups, shape.channels, shape.norm_eps, options));
  }
}

at::Tensor SpatialAttentionImpl::forward(const at::Tensor& x) const {
  const at::Tensor tokens = ToTokens(group_norm ? group_norm->forward(x) : x);  // [B, H * W, C]
  at::Tensor mixed = AttentionImpl::forward(tokens, /*residual=*/ToTokens(x));  // [B, H * W, C]
  if (output_scale_ != 1.0) mixed.div_(output_scale_);
  return FromTokens(mixed, x.size(2), x.size(3));  // [B, C, H, W]
}

}  // namespace latentd::model
