#include "model/vae/spatial_attention.h"

#include "model/layers/tokens.h"

namespace latentd::model {

SpatialAttentionImpl::SpatialAttentionImpl(int64_t channels, int64_t norm_groups, double norm_eps,
                                           const at::TensorOptions& options)
    : AttentionImpl({.channels = channels, .heads = 1, .context_features = channels, .projection_bias = true}, options),
      group_norm(register_module("group_norm", GroupNorm(norm_groups, channels, norm_eps, options))) {}

at::Tensor SpatialAttentionImpl::forward(const at::Tensor& x) const {
  const at::Tensor tokens = ToTokens(group_norm->forward(x));                                         // [B, H * W, C]
  return FromTokens(AttentionImpl::forward(tokens, /*residual=*/ToTokens(x)), x.size(2), x.size(3));  // [B, C, H, W]
}

}  // namespace latentd::model
