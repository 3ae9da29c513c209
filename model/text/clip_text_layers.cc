#include "model/text/clip_text_layers.h"

#include <ATen/ops/embedding.h>
#include <ATen/ops/where.h>

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

}  // namespace latentd::model
