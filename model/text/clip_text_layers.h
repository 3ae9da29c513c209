#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <memory>

#include "model/layers/embedding.h"
#include "model/layers/layer_norm.h"
#include "model/layers/linear.h"
#include "model/layers/module_vector.h"
#include "model/text/clip_text_config.h"

namespace latentd::model {

// The parts of CLIP's text transformer, with the attribute names of transformers' modeling_clip.py. B is the batch, T
// the tokens, D the features.

// What tokens and their places mean.
class ClipTextEmbeddingsImpl : public torch::nn::Module {
 public:
  ClipTextEmbeddingsImpl(const ClipTextConfig& config, const at::TensorOptions& options);

  // ids: int64 [B, T]. Those from the vocabulary's size on stand for rows of `vectors`, [V, D]: a prompt's own tokens;
  // it may be undefined when there are none. Returns [B, T, D].
  at::Tensor forward(const at::Tensor& ids, const at::Tensor& vectors = {}) const;

  const at::Tensor& token_table() const { return token_embedding_->weight; }  // [vocab_size, D]

 private:
  Embedding token_embedding_;
  Embedding position_embedding_;
};
TORCH_MODULE(ClipTextEmbeddings);

// Self-attention in which a token sees itself and those before it.
class ClipAttentionImpl : public torch::nn::Module {
 public:
  ClipAttentionImpl(const ClipTextConfig& config, const at::TensorOptions& options);

  at::Tensor forward(const at::Tensor& x) const;  // [B, T, D] -> the same

 private:
  Linear q_proj_, k_proj_, v_proj_, out_proj_;
  const int64_t heads_;
};
TORCH_MODULE(ClipAttention);

// Two linear layers around an activation.
class ClipMlpImpl : public torch::nn::Module {
 public:
  ClipMlpImpl(const ClipTextConfig& config, const at::TensorOptions& options);

  at::Tensor forward(const at::Tensor& x) const;  // [B, T, D] -> the same

 private:
  Linear fc1_, fc2_;
  const Activation activation_;
};
TORCH_MODULE(ClipMlp);

// Attention and feed-forward, each normalised before and added to what came in.
class ClipEncoderLayerImpl : public torch::nn::Module {
 public:
  ClipEncoderLayerImpl(const ClipTextConfig& config, const at::TensorOptions& options);

  at::Tensor forward(const at::Tensor& x) const;  // [B, T, D] -> the same

 private:
  LayerNorm layer_norm1_, layer_norm2_;
  ClipAttention self_attn_;
  ClipMlp mlp_;
};
TORCH_MODULE(ClipEncoderLayer);

// All layers, one after the other.
class ClipEncoderImpl : public torch::nn::Module {
 public:
  ClipEncoderImpl(const ClipTextConfig& config, const at::TensorOptions& options);

  // Applies the layers from `begin` to before `end`. [B, T, D] -> the same
  at::Tensor forward(const at::Tensor& x, int64_t begin, int64_t end) const;

 private:
  const std::shared_ptr<ModuleVector<ClipEncoderLayer>> layers_;
};
TORCH_MODULE(ClipEncoder);

}  // namespace latentd::model
