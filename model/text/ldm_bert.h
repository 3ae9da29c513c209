#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <memory>
#include <string>

#include "model/layers/embedding.h"
#include "model/layers/layer_norm.h"
#include "model/layers/linear.h"
#include "model/layers/module_vector.h"
#include "model/text/ldm_bert_config.h"

namespace latentd::model {

// The parts of latent diffusion's text transformer, with the attribute names of diffusers' LDMBertModel. B is the
// batch, T the tokens, D the features.

// Self-attention in which every token sees all others.
class LdmBertAttentionImpl : public torch::nn::Module {
 public:
  LdmBertAttentionImpl(const LdmBertConfig& config, const at::TensorOptions& options);

  // Added to `residual`. [B, T, D] -> the same
  at::Tensor forward(const at::Tensor& x, const at::Tensor& residual) const;

 private:
  Linear q_proj_, k_proj_, v_proj_, out_proj_;
  const int64_t heads_;
};
TORCH_MODULE(LdmBertAttention);

// Attention and feed-forward, each normalised before and added to what came in.
class LdmBertLayerImpl : public torch::nn::Module {
 public:
  LdmBertLayerImpl(const LdmBertConfig& config, const at::TensorOptions& options);

  at::Tensor forward(const at::Tensor& x) const;  // [B, T, D] -> the same

 private:
  LayerNorm self_attn_layer_norm_;
  LdmBertAttention self_attn_;
  LayerNorm final_layer_norm_;
  Linear fc1_, fc2_;
  const Activation activation_;
};
TORCH_MODULE(LdmBertLayer);

// Everything under `model.`, where checkpoints have it.
class LdmBertEncoderImpl : public torch::nn::Module {
 public:
  LdmBertEncoderImpl(const LdmBertConfig& config, const at::TensorOptions& options);

  at::Tensor forward(const at::Tensor& ids) const;  // [B, T] -> [B, T, D]

 private:
  Embedding embed_tokens_;
  Embedding embed_positions_;
  std::shared_ptr<ModuleVector<LdmBertLayer>> layers_;
  LayerNorm layer_norm_;
};
TORCH_MODULE(LdmBertEncoder);

// The text encoder of latent diffusion (Rombach et al. 2022, arXiv:2112.10752, appendix; diffusers' LDMBertModel, whose
// parameter names it has). Not masked: padding is seen as diffusers' LDMTextToImagePipeline lets it be seen.
//
// Const, so it may run from several threads at a time. On the CPU in float32 the states of a prompt are the same bytes
// whatever its batch.
class LdmBertModelImpl : public torch::nn::Module {
 public:
  // Parameters are allocated with `options` (type, device), not initialised.
  LdmBertModelImpl(const LdmBertConfig& config, const at::TensorOptions& options);

  // ids: int64 [B, T], T up to config().max_positions, each in [0, vocab_size). Returns the last states, normalised,
  // [B, T, D].
  at::Tensor forward(const at::Tensor& ids) const;

  const LdmBertConfig& config() const { return config_; }

 private:
  const LdmBertConfig config_;
  LdmBertEncoder model_;
};
TORCH_MODULE(LdmBertModel);

// Files carry the layer that guesses words, which training needed.
bool IsLdmBertHead(const std::string& name);

}  // namespace latentd::model
