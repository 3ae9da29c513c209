#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include "model/layers/linear.h"
#include "model/text/clip_text_config.h"
#include "model/text/clip_text_model.h"

namespace latentd::model {

// A prompt as Stable Diffusion XL looks at it.
struct ProjectedText {
  at::Tensor states;  // [B, T, D]: those before the last layer, not normalised; with a clip skip so many layers earlier
  at::Tensor pooled;  // [B, P]: the last state at the end token, normalised and projected
};

// The second text encoder of Stable Diffusion XL, and the only one of its refiner (CLIPTextModelWithProjection of
// transformers 5.23, whose parameter names it has). Loads and computes as ClipTextModel does.
class ClipTextModelWithProjectionImpl : public torch::nn::Module {
 public:
  ClipTextModelWithProjectionImpl(const ClipTextConfig& config, const at::TensorOptions& options);

  // ids: as for ClipTextModel. The pooled vector is that of all layers, whatever `clip_skip` leaves out of the states.
  // REQUIRES: clip_skip in [0, config().layers - 1].
  ProjectedText Encode(const at::Tensor& ids, int64_t clip_skip, const at::Tensor& vectors = {}) const;

  const ClipTextConfig& config() const { return config_; }
  const at::Tensor& token_table() const { return text_model_->token_table(); }  // [vocab_size, D]

 private:
  const ClipTextConfig config_;
  ClipTextTransformer text_model_;
  Linear text_projection_;
};
TORCH_MODULE(ClipTextModelWithProjection);

}  // namespace latentd::model
