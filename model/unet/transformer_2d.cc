#include "model/unet/transformer_2d.h"

#include "model/layers/tokens.h"

namespace latentd::model {
namespace {

constexpr double kNormEps = 1e-6;

Linear MakeProjection(const TransformerShape& shape, const at::TensorOptions& options) {
  const WeightLayout layout = shape.linear_projection ? WeightLayout::kMatrix : WeightLayout::kPointwise;
  return Linear(shape.channels, shape.channels, /*with_bias=*/true, options, layout);
}

}  // namespace

Transformer2DImpl::Transformer2DImpl(const TransformerShape& shape, const at::TensorOptions& options)
    : norm_(register_module("norm", GroupNorm(shape.norm_groups, shape.channels, kNormEps, options))),
      proj_in_(register_module("proj_in", MakeProjection(shape, options))),
      proj_out_(register_module("proj_out", MakeProjection(shape, options))),
      blocks_(register_module("transformer_blocks", std::make_shared<ModuleVector<TransformerBlock>>())) {
  for (int64_t i = 0; i < shape.blocks; ++i) blocks_->Append(TransformerBlock(shape, options));
}

at::Tensor Transformer2DImpl::forward(const at::Tensor& x, const Context& context) const {
  at::Tensor tokens = proj_in_->forward(ToTokens(norm_->forward(x)));                       // [L, H * W, C]
  for (const TransformerBlock& block : *blocks_) tokens = block->forward(tokens, context);  // [L, H * W, C]
  return FromTokens(proj_out_->forward(tokens, ToTokens(x)), x.size(2), x.size(3));         // [L, C, H, W]
}

}  // namespace latentd::model
