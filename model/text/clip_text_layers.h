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

  at::Tensor forward(const at::Tensor& ids) const;  // int64 [B, T] -> [B, T, D]

 private:
  Embedding token_embedding_;
  Embedding position_embedding_;
};
TORCH_MODULE(ClipTextEmbeddings);

}  // namespace latentd::model
