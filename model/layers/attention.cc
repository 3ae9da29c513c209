#include "model/layers/attention.h"

#include <ATen/ops/empty_like.h>

#include <memory>

#include "model/kernels/attention.h"
#include "model/kernels/matmul.h"

namespace latentd::model {

AttentionImpl::AttentionImpl(const Shape& shape, const at::TensorOptions& options) : heads_(shape.heads) {
  const int64_t head_features = shape.head_features > 0 ? shape.head_features : shape.channels / shape.heads;
  const int64_t inner = head_features * shape.heads;
  to_q = register_module("to_q", Linear(shape.channels, inner, shape.projection_bias, options));
  to_k = register_module("to_k", Linear(shape.context_features, inner, shape.projection_bias, options));
  to_v = register_module("to_v", Linear(shape.context_features, inner, shape.projection_bias, options));
  const auto out = register_module("to_out", std::make_shared<torch::nn::Module>());
  to_out = out->register_module("0", Linear(inner, shape.channels, /*with_bias=*/true, options));
}

at::Tensor AttentionImpl::forward(const at::Tensor& tokens, const at::Tensor& residual, int64_t first_lane) const {
  return forward(tokens, {{.states = tokens}}, residual, first_lane);
}

at::Tensor AttentionImpl::forward(const at::Tensor& tokens, const Context& context, const at::Tensor& residual,
                                  int64_t first_lane) const {
  const at::Tensor q = to_q->forward(tokens, /*addend=*/{}, first_lane);  // [L, T, inner]
  const at::Tensor mixed = at::empty_like(q);                             // [L, T, inner]
  int64_t lane = 0;
  for (const ContextGroup& group : context) {
    const int64_t each = group.lanes_each;
    const at::Tensor k = to_k->forward(group.states, /*addend=*/{}, first_lane + lane, each);  // [n, Tk, inner]
    const at::Tensor v = to_v->forward(group.states, /*addend=*/{}, first_lane + lane, each);  // [n, Tk, inner]
    if (each == 1) {
      kernels::Attention(q.narrow(0, lane, k.size(0)), k, v, heads_, mixed.narrow(0, lane, k.size(0)));
      lane += k.size(0);
      continue;
    }
    for (int64_t i = 0; i < k.size(0); ++i, lane += each) {  // every lane reads the same memory
      const auto repeated = [&](const at::Tensor& x) { return x.narrow(0, i, 1).expand({each, -1, -1}); };
      kernels::Attention(q.narrow(0, lane, each), repeated(k), repeated(v), heads_, mixed.narrow(0, lane, each));
    }
  }
  AddLaneTokens(q, mixed);
  return to_out->forward(mixed, residual, first_lane);  // [L, T, C]
}

at::Tensor AttentionImpl::ForwardFrames(const at::Tensor& tokens, int64_t frames, const at::Tensor& residual) const {
  const at::Tensor q = to_q->forward(tokens);  // [L, F * P, inner]
  const at::Tensor k = to_k->forward(tokens);  // [L, F * P, inner]
  const at::Tensor v = to_v->forward(tokens);  // [L, F * P, inner]
  const at::Tensor mixed = at::empty_like(q);  // [L, F * P, inner]
  for (int64_t lane = 0; lane < tokens.size(0); ++lane) {
    // A place's tokens lie a frame apart: views of the memory as it is.
    const auto by_place = [&](const at::Tensor& x) { return x[lane].unflatten(0, {frames, -1}).transpose(0, 1); };
    kernels::Attention(by_place(q), by_place(k), by_place(v), heads_, by_place(mixed));  // [P, F, inner]
  }
  return to_out->forward(mixed, residual);  // [L, F * P, C]
}

void AttentionImpl::AddLaneTokens(const at::Tensor& q, const at::Tensor& mixed) const {
  if (lane_tokens_ == nullptr) return;
  for (const LaneTokens& own : *lane_tokens_) {
    const at::Tensor k = kernels::Linear(own.tokens, *own.to_k, /*bias=*/{});  // [n, Tk, inner]
    const at::Tensor v = kernels::Linear(own.tokens, *own.to_v, /*bias=*/{});  // [n, Tk, inner]
    const at::Tensor lanes = q.narrow(0, own.first_lane, own.lanes);
    const at::Tensor seen = at::empty_like(lanes);  // [n, T, inner]
    kernels::Attention(lanes, k, v, heads_, seen);
    // In two operations: fused, an element's bits would depend on its place in the vector.
    mixed.narrow(0, own.first_lane, own.lanes).add_(seen.mul_(own.scale));
  }
}

}  // namespace latentd::model
