#include "model/layers/clip_encoder.h"

#include <ATen/ops/empty_like.h>
#include <ATen/ops/scaled_dot_product_attention.h>

#include "model/kernels/attention.h"
#include "model/kernels/elementwise.h"

namespace latentd::model {

ClipAttentionImpl::ClipAttentionImpl(const ClipEncoderShape& shape, const at::TensorOptions& options)
    : q_proj_(register_module("q_proj", Linear(shape.hidden_size, shape.hidden_size, true, options))),
      k_proj_(register_module("k_proj", Linear(shape.hidden_size, shape.hidden_size, true, options))),
      v_proj_(register_module("v_proj", Linear(shape.hidden_size, shape.hidden_size, true, options))),
      out_proj_(register_module("out_proj", Linear(shape.hidden_size, shape.hidden_size, true, options))),
      heads_(shape.heads),
      causal_(shape.causal) {}

at::Tensor ClipAttentionImpl::Attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) const {
  if (!causal_) {
    const at::Tensor out = at::empty_like(q);
    kernels::Attention(q, k, v, heads_, out);
    return out;
  }
  const auto split = [this](const at::Tensor& t) { return t.unflatten(2, {heads_, -1}).transpose(1, 2); };
  const at::Tensor out = at::scaled_dot_product_attention(split(q), split(k), split(v), /*attn_mask=*/{},
                                                          /*dropout_p=*/0, /*is_causal=*/true);
  return out.transpose(1, 2).flatten(2);  // [B, heads, T, d] -> [B, T, D]
}

at::Tensor ClipAttentionImpl::forward(const at::Tensor& x) const {
  return out_proj_->forward(Attend(q_proj_->forward(x), k_proj_->forward(x), v_proj_->forward(x)));
}

ClipMlpImpl::ClipMlpImpl(const ClipEncoderShape& shape, const at::TensorOptions& options)
    : fc1_(register_module("fc1", Linear(shape.hidden_size, shape.intermediate_size, true, options))),
      fc2_(register_module("fc2", Linear(shape.intermediate_size, shape.hidden_size, true, options))),
      activation_(shape.activation) {}

at::Tensor ClipMlpImpl::forward(const at::Tensor& x) const {
  return fc2_->forward(kernels::Activate(fc1_->forward(x), activation_));
}

ClipEncoderLayerImpl::ClipEncoderLayerImpl(const ClipEncoderShape& shape, const at::TensorOptions& options)
    : layer_norm1_(register_module("layer_norm1", LayerNorm(shape.hidden_size, shape.layer_norm_eps, options))),
      layer_norm2_(register_module("layer_norm2", LayerNorm(shape.hidden_size, shape.layer_norm_eps, options))),
      self_attn_(register_module("self_attn", ClipAttention(shape, options))),
      mlp_(register_module("mlp", ClipMlp(shape, options))) {}

at::Tensor ClipEncoderLayerImpl::forward(const at::Tensor& x) const {
  const at::Tensor attended = x + self_attn_->forward(layer_norm1_->forward(x));
  return attended + mlp_->forward(layer_norm2_->forward(attended));
}

ClipEncoderImpl::ClipEncoderImpl(const ClipEncoderShape& shape, const at::TensorOptions& options)
    : layers_(register_module("layers", std::make_shared<ModuleVector<ClipEncoderLayer>>())) {
  for (int64_t i = 0; i < shape.layers; ++i) layers_->Append(ClipEncoderLayer(shape, options));
}

at::Tensor ClipEncoderImpl::forward(const at::Tensor& x, int64_t begin, int64_t end) const {
  at::Tensor states = x;
  for (int64_t i = begin; i < end; ++i) states = (*layers_)[i]->forward(states);
  return states;
}

}  // namespace latentd::model
