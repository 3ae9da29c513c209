#include "model/text/clip_text_layers.h"

#include <ATen/ops/embedding.h>
#include <ATen/ops/scaled_dot_product_attention.h>
#include <ATen/ops/where.h>

#include "model/kernels/elementwise.h"

namespace latentd::model {

ClipTextEmbeddingsImpl::ClipTextEmbeddingsImpl(const ClipTextConfig& config, const at::TensorOptions& options)
    : token_embedding_(register_module("token_embedding", Embedding(config.vocab_size, config.hidden_size, options))),
      position_embedding_(
          register_module("position_embedding", Embedding(config.max_positions, config.hidden_size, options))) {}

at::Tensor ClipTextEmbeddingsImpl::forward(const at::Tensor& ids, const at::Tensor& vectors) const {
  at::Tensor tokens;  // [B, T, D]
  if (vectors.defined()) {
    const int64_t vocabulary = token_table().size(0);
    const at::Tensor own = at::embedding(vectors, (ids - vocabulary).clamp_min(0));  // [B, T, D]
    tokens = at::where(ids.ge(vocabulary).unsqueeze(2), own, token_embedding_->forward(ids.clamp_max(vocabulary - 1)));
  } else {
    tokens = token_embedding_->forward(ids);
  }
  return tokens + position_embedding_->weight.narrow(0, 0, ids.size(1));
}

ClipAttentionImpl::ClipAttentionImpl(const ClipTextConfig& config, const at::TensorOptions& options)
    : q_proj_(register_module("q_proj", Linear(config.hidden_size, config.hidden_size, true, options))),
      k_proj_(register_module("k_proj", Linear(config.hidden_size, config.hidden_size, true, options))),
      v_proj_(register_module("v_proj", Linear(config.hidden_size, config.hidden_size, true, options))),
      out_proj_(register_module("out_proj", Linear(config.hidden_size, config.hidden_size, true, options))),
      heads_(config.heads) {}

at::Tensor ClipAttentionImpl::forward(const at::Tensor& x) const {
  const auto split = [this](const at::Tensor& t) { return t.unflatten(2, {heads_, -1}).transpose(1, 2); };
  const at::Tensor out = at::scaled_dot_product_attention(split(q_proj_->forward(x)), split(k_proj_->forward(x)),
                                                          split(v_proj_->forward(x)),
                                                          /*attn_mask=*/{}, /*dropout_p=*/0, /*is_causal=*/true);
  return out_proj_->forward(out.transpose(1, 2).flatten(2));  // [B, heads, T, d] -> [B, T, D]
}

ClipMlpImpl::ClipMlpImpl(const ClipTextConfig& config, const at::TensorOptions& options)
    : fc1_(register_module("fc1", Linear(config.hidden_size, config.intermediate_size, true, options))),
      fc2_(register_module("fc2", Linear(config.intermediate_size, config.hidden_size, true, options))),
      activation_(config.activation) {}

at::Tensor ClipMlpImpl::forward(const at::Tensor& x) const {
  return fc2_->forward(kernels::Activate(fc1_->forward(x), activation_));
}

ClipEncoderLayerImpl::ClipEncoderLayerImpl(const ClipTextConfig& config, const at::TensorOptions& options)
    : layer_norm1_(register_module("layer_norm1", LayerNorm(config.hidden_size, config.layer_norm_eps, options))),
      layer_norm2_(register_module("layer_norm2", LayerNorm(config.hidden_size, config.layer_norm_eps, options))),
      self_attn_(register_module("self_attn", ClipAttention(config, options))),
      mlp_(register_module("mlp", ClipMlp(config, options))) {}

at::Tensor ClipEncoderLayerImpl::forward(const at::Tensor& x) const {
  const at::Tensor attended = x + self_attn_->forward(layer_norm1_->forward(x));
  return attended + mlp_->forward(layer_norm2_->forward(attended));
}

ClipEncoderImpl::ClipEncoderImpl(const ClipTextConfig& config, const at::TensorOptions& options)
    : layers_(register_module("layers", std::make_shared<ModuleVector<ClipEncoderLayer>>())) {
  for (int64_t i = 0; i < config.layers; ++i) layers_->Append(ClipEncoderLayer(config, options));
}

at::Tensor ClipEncoderImpl::forward(const at::Tensor& x, int64_t begin, int64_t end) const {
  at::Tensor states = x;
  for (int64_t i = begin; i < end; ++i) states = (*layers_)[i]->forward(states);
  return states;
}

}  // namespace latentd::model
