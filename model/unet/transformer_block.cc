#include "model/unet/transformer_block.h"

namespace latentd::model {
namespace {

constexpr double kNormEps = 1e-5;

}  // namespace

TransformerBlockImpl::TransformerBlockImpl(const TransformerShape& shape, const at::TensorOptions& options)
    : norm1(register_module("norm1", LayerNorm(shape.channels, kNormEps, options))),
      norm2(register_module("norm2", LayerNorm(shape.channels, kNormEps, options))),
      norm3(register_module("norm3", LayerNorm(shape.channels, kNormEps, options))),
      attn1(register_module("attn1", Attention(AttentionImpl::Shape{.channels = shape.channels,
                                                                    .heads = shape.heads,
                                                                    .context_features = shape.only_cross_attention
                                                                                            ? shape.context_features
                                                                                            : shape.channels},
                                               options))),
      attn2(register_module("attn2", Attention(AttentionImpl::Shape{.channels = shape.channels,
                                                                    .heads = shape.heads,
                                                                    .context_features = shape.context_features},
                                               options))),
      ff(register_module("ff", FeedForward(shape.channels, options))),
      only_cross_attention_(shape.only_cross_attention) {
  if (!shape.gated) return;
  fuser = register_module(
      "fuser", GatedSelfAttention(
                   GatedSelfAttentionImpl::Shape{
                       .channels = shape.channels, .heads = shape.heads, .object_features = shape.context_features},
                   options));
}

at::Tensor TransformerBlockImpl::forward(const at::Tensor& tokens, const Context& context) const {
  at::Tensor x = tokens;  // [L, T, C] throughout
  const at::Tensor first = norm1->forward(x);
  x = only_cross_attention_ ? attn1->forward(first, context, x) : attn1->forward(first, x);
  if (fuser) x = fuser->forward(x, context);
  x = attn2->forward(norm2->forward(x), context, x);
  return ff->forward(norm3->forward(x), x);
}

}  // namespace latentd::model
