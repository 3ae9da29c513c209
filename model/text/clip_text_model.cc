#include "model/text/clip_text_model.h"

#include <ATen/ops/arange.h>
#include <ATen/ops/argmax.h>
#include <ATen/ops/index.h>

#include "model/layers/clip_encoder_fields.h"

namespace latentd::model {
namespace {

constexpr int64_t kLegacyEos = 2;

}  // namespace

ClipTextTransformerImpl::ClipTextTransformerImpl(const ClipTextConfig& config, const at::TensorOptions& options)
    : embeddings_(register_module("embeddings", ClipTextEmbeddings(config, options))),
      encoder_(register_module("encoder", ClipEncoder(ClipEncoderShapeOf(config, /*causal=*/true), options))),
      final_layer_norm_(
          register_module("final_layer_norm", LayerNorm(config.hidden_size, config.layer_norm_eps, options))) {}

at::Tensor ClipTextTransformerImpl::forward(const at::Tensor& ids, int64_t layers, const at::Tensor& vectors) const {
  return Finish(embeddings_->forward(ids, vectors), 0, layers);
}

at::Tensor ClipTextTransformerImpl::Inner(const at::Tensor& ids, int64_t layers, const at::Tensor& vectors) const {
  return encoder_->forward(embeddings_->forward(ids, vectors), 0, layers);
}

at::Tensor ClipTextTransformerImpl::Finish(const at::Tensor& inner, int64_t layers, int64_t all) const {
  return final_layer_norm_->forward(encoder_->forward(inner, layers, all));
}

at::Tensor PoolAtEnd(const ClipTextConfig& config, const at::Tensor& ids, const at::Tensor& states) {
  // Where several are equally large, argmax gives the first, as the reference's does.
  const at::Tensor places = config.eos_token_id == kLegacyEos
                                ? at::argmax(ids, 1)
                                : at::argmax(ids.eq(config.eos_token_id).to(at::kInt), 1);  // [B]
  return at::index(states, {at::arange(ids.size(0), ids.options()), places});
}

void CheckIds(const ClipTextConfig& config, const at::Tensor& ids) {
  TORCH_CHECK(ids.dim() == 2 && ids.scalar_type() == at::kLong, "ids must be int64 [B, T]");
  TORCH_CHECK(ids.size(1) <= config.max_positions, "a sequence of ", ids.size(1), " tokens is over the model's ",
              config.max_positions);
}

ClipTextModelImpl::ClipTextModelImpl(const ClipTextConfig& config, const at::TensorOptions& options)
    : config_(config), text_model_(register_module("text_model", ClipTextTransformer(config, options))) {}

at::Tensor ClipTextModelImpl::Encode(const at::Tensor& ids, int64_t clip_skip, const at::Tensor& vectors) const {
  CheckIds(config_, ids);
  TORCH_CHECK(clip_skip >= 0 && clip_skip <= config_.layers, "clip_skip must be in [0, ", config_.layers, "]");
  return text_model_->forward(ids, config_.layers - clip_skip, vectors);
}

at::Tensor ClipTextModelImpl::Penultimate(const at::Tensor& ids, int64_t clip_skip, const at::Tensor& vectors) const {
  CheckIds(config_, ids);
  TORCH_CHECK(clip_skip >= 0 && clip_skip < config_.layers, "clip_skip must be in [0, ", config_.layers, ")");
  return text_model_->Inner(ids, config_.layers - 1 - clip_skip, vectors);
}

}  // namespace latentd::model
