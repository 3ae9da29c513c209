#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include "model/layers/embedding.h"
#include "model/text/clip_text_config.h"

namespace latentd::model {

// What tokens and their places mean, with the attribute names of transformers' modeling_clip.py. B is the batch, T the
// tokens, D the features.
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

}  // namespace latentd::model
