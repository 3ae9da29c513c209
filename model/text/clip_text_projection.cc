#include "model/text/clip_text_projection.h"

#include "model/kernels/row_linear.h"

namespace latentd::model {

ClipTextModelWithProjectionImpl::ClipTextModelWithProjectionImpl(const ClipTextConfig& config,
                                                                 const at::TensorOptions& options)
    : config_(config),
      text_model_(register_module("text_model", ClipTextTransformer(config, options))),
      text_projection_(register_module(
          "text_projection", Linear(config.hidden_size, config.projection_dim, /*with_bias=*/false, options))) {}

ProjectedText ClipTextModelWithProjectionImpl::Encode(const at::Tensor& ids, int64_t clip_skip,
                                                      const at::Tensor& vectors) const {
  CheckIds(config_, ids);
  TORCH_CHECK(clip_skip >= 0 && clip_skip < config_.layers, "clip_skip must be in [0, ", config_.layers, ")");
  const int64_t layers = config_.layers - 1 - clip_skip;
  at::Tensor states = text_model_->Inner(ids, layers, vectors);                 // [B, T, D]
  const at::Tensor last = text_model_->Finish(states, layers, config_.layers);  // [B, T, D]
  const at::Tensor end = PoolAtEnd(config_, ids, last);                         // [B, D]
  return {.states = std::move(states), .pooled = kernels::RowLinear(end, text_projection_->weight, {})};
}

}  // namespace latentd::model
