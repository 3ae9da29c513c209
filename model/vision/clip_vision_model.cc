#include "model/vision/clip_vision_model.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>

#include <string>

#include "model/kernels/row_linear.h"
#include "model/layers/clip_encoder_fields.h"
#include "model/layers/tokens.h"

namespace latentd::model {

ClipVisionEmbeddingsImpl::ClipVisionEmbeddingsImpl(const ClipVisionConfig& config, const at::TensorOptions& options)
    : class_embedding_(register_parameter("class_embedding", at::empty({config.hidden_size}, options),
                                          /*requires_grad=*/false)),
      patch_embedding_(register_module("patch_embedding", Conv2d(Conv2dImpl::Shape{.in_channels = 3,
                                                                                   .out_channels = config.hidden_size,
                                                                                   .kernel = config.patch_size,
                                                                                   .stride = config.patch_size,
                                                                                   .padding = 0,
                                                                                   .with_bias = false},
                                                                 options))),
      position_embedding_(
          register_module("position_embedding", Embedding(config.Tokens(), config.hidden_size, options))) {}

at::Tensor ClipVisionEmbeddingsImpl::forward(const at::Tensor& pixels) const {
  const at::Tensor own = pixels.to(class_embedding_.options()).contiguous(at::MemoryFormat::ChannelsLast);
  const at::Tensor patches = ToTokens(patch_embedding_->forward(own));                              // [B, T - 1, D]
  const at::Tensor whole = class_embedding_.expand({pixels.size(0), 1, class_embedding_.size(0)});  // [B, 1, D]
  return at::cat({whole, patches}, 1) + position_embedding_->weight;                                // [B, T, D]
}

ClipVisionTransformerImpl::ClipVisionTransformerImpl(const ClipVisionConfig& config, const at::TensorOptions& options)
    : image_size_(config.image_size),
      layers_(config.layers),
      embeddings_(register_module("embeddings", ClipVisionEmbeddings(config, options))),
      pre_layrnorm_(register_module("pre_layrnorm", LayerNorm(config.hidden_size, config.layer_norm_eps, options))),
      encoder_(register_module("encoder", ClipEncoder(ClipEncoderShapeOf(config, /*causal=*/false), options))),
      post_layernorm_(
          register_module("post_layernorm", LayerNorm(config.hidden_size, config.layer_norm_eps, options))) {}

at::Tensor ClipVisionTransformerImpl::Begin(const at::Tensor& pixels) const {
  TORCH_CHECK(
      pixels.dim() == 4 && pixels.size(1) == 3 && pixels.size(2) == image_size_ && pixels.size(3) == image_size_,
      "CLIP's vision encoder: the pictures are ", pixels.sizes(), " instead of [B, 3, ", image_size_, ", ", image_size_,
      "]");
  return pre_layrnorm_->forward(embeddings_->forward(pixels));
}

at::Tensor ClipVisionTransformerImpl::Penultimate(const at::Tensor& pixels) const {
  return encoder_->forward(Begin(pixels), 0, layers_ - 1);
}

at::Tensor ClipVisionTransformerImpl::Pooled(const at::Tensor& pixels) const {
  const at::Tensor states = encoder_->forward(Begin(pixels), 0, layers_);  // [B, T, D]
  return post_layernorm_->forward(states.select(1, 0).contiguous());       // [B, D]
}

ClipVisionModelWithProjectionImpl::ClipVisionModelWithProjectionImpl(const ClipVisionConfig& config,
                                                                     const at::TensorOptions& options)
    : config_(config),
      vision_model_(register_module("vision_model", ClipVisionTransformer(config, options))),
      visual_projection_(register_module(
          "visual_projection", Linear(config.hidden_size, config.projection_dim, /*with_bias=*/false, options))) {}

at::Tensor ClipVisionModelWithProjectionImpl::Embed(const at::Tensor& pixels) const {
  return kernels::RowLinear(vision_model_->Pooled(pixels), visual_projection_->weight, /*bias=*/{});
}

bool IsVisionConstant(const std::string& name) { return name == "vision_model.embeddings.position_ids"; }

}  // namespace latentd::model
