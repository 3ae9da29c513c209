#include "model/text/clip_text_layers.h"

namespace latentd::model {

ClipTextEmbeddingsImpl::ClipTextEmbeddingsImpl(const ClipTextConfig& config, const at::TensorOptions& options)
    : token_embedding_(register_module("token_embedding", Embedding(config.vocab_size, config.hidden_size, options))),
      position_embedding_(
          register_module("position_embedding", Embedding(config.max_positions, config.hidden_size, options))) {}

at::Tensor ClipTextEmbeddingsImpl::forward(const at::Tensor& ids) const {
  return token_embedding_->forward(ids) + position_embedding_->weight.narrow(0, 0, ids.size(1));
}

}  // namespace latentd::model
