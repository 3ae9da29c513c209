#include "model/unet/gated_self_attention.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <vector>

namespace latentd::model {
namespace {

constexpr double kNormEps = 1e-5;

}  // namespace

GatedSelfAttentionImpl::GatedSelfAttentionImpl(const Shape& shape, const at::TensorOptions& options)
    : linear_(register_module("linear", Linear(shape.object_features, shape.channels, /*with_bias=*/true, options))),
      attn_(register_module("attn", Attention(AttentionImpl::Shape{.channels = shape.channels,
                                                                   .heads = shape.heads,
                                                                   .context_features = shape.channels},
                                              options))),
      ff_(register_module("ff", FeedForward(shape.channels, options))),
      norm1_(register_module("norm1", LayerNorm(shape.channels, kNormEps, options))),
      norm2_(register_module("norm2", LayerNorm(shape.channels, kNormEps, options))),
      alpha_attn_(register_parameter("alpha_attn", at::empty({}, options), /*requires_grad=*/false)),
      alpha_dense_(register_parameter("alpha_dense", at::empty({}, options), /*requires_grad=*/false)) {}

at::Tensor GatedSelfAttentionImpl::forward(const at::Tensor& tokens, const Context& context) const {
  const auto looks = [](const ContextGroup& group) { return group.objects.defined(); };
  if (std::none_of(context.begin(), context.end(), looks)) return tokens;
  std::vector<at::Tensor> parts;  // [n, T, C] of each group
  int64_t lane = 0;
  for (const ContextGroup& group : context) {
    const int64_t lanes = group.lanes();
    const at::Tensor own = tokens.narrow(0, lane, lanes);
    parts.push_back(looks(group) ? Look(own, group.objects, lane) : own);
    lane += lanes;
  }
  return parts.size() == 1 ? parts.front() : at::cat(parts);
}

at::Tensor GatedSelfAttentionImpl::Look(const at::Tensor& tokens, const at::Tensor& objects, int64_t first_lane) const {
  const at::Tensor seen = linear_->forward(objects, /*addend=*/{}, first_lane);  // [n, N, C]
  const at::Tensor all = norm1_->forward(at::cat({tokens, seen}, 1));            // [n, T + N, C]
  const at::Tensor mixed = attn_
                               ->forward(all, /*residual=*/at::Tensor(), first_lane)  // [n, T + N, C]
                               .narrow(1, 0, tokens.size(1));                         // [n, T, C]
  at::Tensor x = tokens + alpha_attn_.tanh() * mixed;                                 // [n, T, C]
  return x + alpha_dense_.tanh() * ff_->forward(norm2_->forward(x), at::Tensor(), first_lane);
}

}  // namespace latentd::model
