#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include "model/layers/clip_encoder.h"
#include "model/layers/conv2d.h"
#include "model/layers/embedding.h"
#include "model/layers/layer_norm.h"
#include "model/layers/linear.h"
#include "model/vision/clip_vision_config.h"

namespace latentd::model {

// CLIP's vision transformer (Radford et al. 2021, arXiv:2103.00020; transformers 5.23's modeling_clip.py, whose
// parameter names the modules have). B is the batch, S the picture's edge, T the tokens (a class token and the
// patches), D the features, P the projection's.
//
// All are const, so they may run from several threads at a time. On the CPU in float32 the bytes of a picture do not
// depend on its batch.

// What patches and their places mean, behind a token for the whole picture.
class ClipVisionEmbeddingsImpl : public torch::nn::Module {
 public:
  ClipVisionEmbeddingsImpl(const ClipVisionConfig& config, const at::TensorOptions& options);

  at::Tensor forward(const at::Tensor& pixels) const;  // [B, 3, S, S] -> [B, T, D]

 private:
  at::Tensor class_embedding_;  // [D]
  Conv2d patch_embedding_;
  Embedding position_embedding_;
};
TORCH_MODULE(ClipVisionEmbeddings);

// The transformer under `vision_model.`.
class ClipVisionTransformerImpl : public torch::nn::Module {
 public:
  // Parameters are allocated with `options` (type, device), not initialised.
  ClipVisionTransformerImpl(const ClipVisionConfig& config, const at::TensorOptions& options);

  // The states before the last layer: transformers' hidden_states[-2]. [B, 3, S, S] -> [B, T, D]
  at::Tensor Penultimate(const at::Tensor& pixels) const;

  // The class token after all layers, normalised: transformers' pooler_output. [B, 3, S, S] -> [B, D]
  at::Tensor Pooled(const at::Tensor& pixels) const;

 private:
  at::Tensor Begin(const at::Tensor& pixels) const;  // [B, 3, S, S] -> [B, T, D]

  const int64_t image_size_;
  const int64_t layers_;
  ClipVisionEmbeddings embeddings_;
  LayerNorm pre_layrnorm_;  // as transformers spells it
  ClipEncoder encoder_;
  LayerNorm post_layernorm_;
};
TORCH_MODULE(ClipVisionTransformer);

// The image encoder of IP-Adapter (CLIPVisionModelWithProjection).
//
//   ClipVisionModelWithProjection vision(ReadClipVisionConfig(ConfigReader::FromFile(folder / "config.json")),
//   options); LoadWeights(*vision, *OpenComponent(folder), {.may_ignore = IsVisionConstant});
class ClipVisionModelWithProjectionImpl : public torch::nn::Module {
 public:
  ClipVisionModelWithProjectionImpl(const ClipVisionConfig& config, const at::TensorOptions& options);

  // pixels: normalised colours (Normalise in image_processor.h), converted to the network's type and device. Throw
  // c10::Error unless they are [B, 3, config().image_size, config().image_size].
  at::Tensor Embed(const at::Tensor& pixels) const;                                                      // [B, P]
  at::Tensor Penultimate(const at::Tensor& pixels) const { return vision_model_->Penultimate(pixels); }  // [B, T, D]

  const ClipVisionConfig& config() const { return config_; }

 private:
  const ClipVisionConfig config_;
  ClipVisionTransformer vision_model_;
  Linear visual_projection_;
};
TORCH_MODULE(ClipVisionModelWithProjection);

// Old files carry the constant 0, 1, 2 … as a tensor.
bool IsVisionConstant(const std::string& name);

}  // namespace latentd::model
