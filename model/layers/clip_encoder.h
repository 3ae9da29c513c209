#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <memory>

#include "model/kernels/activation.h"
#include "model/layers/layer_norm.h"
#include "model/layers/linear.h"
#include "model/layers/module_vector.h"

namespace latentd::model {

// The transformer that CLIP's text and vision encoders have in common, with the attribute names of transformers'
// modeling_clip.py. B is the batch, T the tokens, D the features.

struct ClipEncoderShape {
  int64_t hidden_size;        // D
  int64_t intermediate_size;  // features inside the feed-forward
  int64_t layers;
  int64_t heads;  // divides hidden_size
  double layer_norm_eps;
  Activation activation;
  bool causal;  // a token sees itself and those before it, as in text; else all
};

// Self-attention.
class ClipAttentionImpl : public torch::nn::Module {
 public:
  ClipAttentionImpl(const ClipEncoderShape& shape, const at::TensorOptions& options);

  at::Tensor forward(const at::Tensor& x) const;  // [B, T, D] -> the same

 private:
  at::Tensor Attend(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v) const;  // each [B, T, D]

  Linear q_proj_, k_proj_, v_proj_, out_proj_;
  const int64_t heads_;
  const bool causal_;
};
TORCH_MODULE(ClipAttention);

// Two linear layers around an activation.
class ClipMlpImpl : public torch::nn::Module {
 public:
  ClipMlpImpl(const ClipEncoderShape& shape, const at::TensorOptions& options);

  at::Tensor forward(const at::Tensor& x) const;  // [B, T, D] -> the same

 private:
  Linear fc1_, fc2_;
  const Activation activation_;
};
TORCH_MODULE(ClipMlp);

// Attention and feed-forward, each normalised before and added to what came in.
class ClipEncoderLayerImpl : public torch::nn::Module {
 public:
  ClipEncoderLayerImpl(const ClipEncoderShape& shape, const at::TensorOptions& options);

  at::Tensor forward(const at::Tensor& x) const;  // [B, T, D] -> the same

 private:
  LayerNorm layer_norm1_, layer_norm2_;
  ClipAttention self_attn_;
  ClipMlp mlp_;
};
TORCH_MODULE(ClipEncoderLayer);

// All layers, one after the other. On the CPU in float32 an entry's bytes do not depend on its batch.
class ClipEncoderImpl : public torch::nn::Module {
 public:
  ClipEncoderImpl(const ClipEncoderShape& shape, const at::TensorOptions& options);

  // Applies the layers from `begin` to before `end`. [B, T, D] -> the same
  at::Tensor forward(const at::Tensor& x, int64_t begin, int64_t end) const;

 private:
  const std::shared_ptr<ModuleVector<ClipEncoderLayer>> layers_;
};
TORCH_MODULE(ClipEncoder);

}  // namespace latentd::model
