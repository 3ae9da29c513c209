#include "model/text/ldm_bert.h"

#include <ATen/ops/empty_like.h>

#include "model/kernels/attention.h"
#include "model/kernels/elementwise.h"

namespace latentd::model {
namespace {

constexpr double kNormEps = 1e-5;

LayerNorm MakeNorm(const LdmBertConfig& config, const at::TensorOptions& options) {
  return LayerNorm(config.hidden_size, kNormEps, options);
}

Linear MakeProjection(const LdmBertConfig& config, const at::TensorOptions& options) {
  return Linear(config.hidden_size, config.heads * config.head_features, /*with_bias=*/false, options);
}

}  // namespace

LdmBertAttentionImpl::LdmBertAttentionImpl(const LdmBertConfig& config, const at::TensorOptions& options)
    : q_proj_(register_module("q_proj", MakeProjection(config, options))),
      k_proj_(register_module("k_proj", MakeProjection(config, options))),
      v_proj_(register_module("v_proj", MakeProjection(config, options))),
      out_proj_(
          register_module("out_proj", Linear(config.heads * config.head_features, config.hidden_size, true, options))),
      heads_(config.heads) {}

at::Tensor LdmBertAttentionImpl::forward(const at::Tensor& x, const at::Tensor& residual) const {
  const at::Tensor q = q_proj_->forward(x);    // [B, T, heads · d]
  const at::Tensor mixed = at::empty_like(q);  // likewise
  kernels::Attention(q, k_proj_->forward(x), v_proj_->forward(x), heads_, mixed);
  return out_proj_->forward(mixed, residual);  // [B, T, D]
}

LdmBertLayerImpl::LdmBertLayerImpl(const LdmBertConfig& config, const at::TensorOptions& options)
    : self_attn_layer_norm_(register_module("self_attn_layer_norm", MakeNorm(config, options))),
      self_attn_(register_module("self_attn", LdmBertAttention(config, options))),
      final_layer_norm_(register_module("final_layer_norm", MakeNorm(config, options))),
      fc1_(register_module("fc1", Linear(config.hidden_size, config.inner_size, true, options))),
      fc2_(register_module("fc2", Linear(config.inner_size, config.hidden_size, true, options))),
      activation_(config.activation) {}

at::Tensor LdmBertLayerImpl::forward(const at::Tensor& x) const {
  const at::Tensor attended = self_attn_->forward(self_attn_layer_norm_->forward(x), x);  // [B, T, D]
  const at::Tensor inner =
      kernels::Activate(fc1_->forward(final_layer_norm_->forward(attended)), activation_);  // [B, T, inner]
  return fc2_->forward(inner, attended);                                                    // [B, T, D]
}

LdmBertEncoderImpl::LdmBertEncoderImpl(const LdmBertConfig& config, const at::TensorOptions& options)
    : embed_tokens_(register_module("embed_tokens", Embedding(config.vocab_size, config.hidden_size, options))),
      embed_positions_(
          register_module("embed_positions", Embedding(config.max_positions, config.hidden_size, options))),
      layers_(register_module("layers", std::make_shared<ModuleVector<LdmBertLayer>>())),
      layer_norm_(register_module("layer_norm", MakeNorm(config, options))) {
  for (int64_t i = 0; i < config.layers; ++i) layers_->Append(LdmBertLayer(config, options));
}

at::Tensor LdmBertEncoderImpl::forward(const at::Tensor& ids) const {
  at::Tensor states = embed_tokens_->forward(ids) + embed_positions_->weight.narrow(0, 0, ids.size(1));  // [B, T, D]
  for (const LdmBertLayer& layer : *layers_) states = layer->forward(states);
  return layer_norm_->forward(states);
}

LdmBertModelImpl::LdmBertModelImpl(const LdmBertConfig& config, const at::TensorOptions& options)
    : config_(config), model_(register_module("model", LdmBertEncoder(config, options))) {}

at::Tensor LdmBertModelImpl::forward(const at::Tensor& ids) const {
  TORCH_CHECK(ids.dim() == 2 && ids.scalar_type() == at::kLong, "ids must be int64 [B, T]");
  TORCH_CHECK(ids.size(1) <= config_.max_positions, "a sequence of ", ids.size(1), " tokens is over the model's ",
              config_.max_positions);
  return model_->forward(ids);
}

bool IsLdmBertHead(const std::string& name) { return name.starts_with("to_logits."); }

}  // namespace latentd::model
