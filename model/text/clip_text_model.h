#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <memory>

#include "model/layers/clip_encoder.h"
#include "model/layers/layer_norm.h"
#include "model/text/clip_text_config.h"
#include "model/text/clip_text_layers.h"

namespace latentd::model {

// The transformer under `text_model.`, where checkpoints have everything.
class ClipTextTransformerImpl : public torch::nn::Module {
 public:
  ClipTextTransformerImpl(const ClipTextConfig& config, const at::TensorOptions& options);

  // The states after the first `layers` layers, normalised. `vectors`: see ClipTextEmbeddings. [B, T] -> [B, T, D]
  at::Tensor forward(const at::Tensor& ids, int64_t layers, const at::Tensor& vectors) const;

  // The states after the first `layers` layers as they are. [B, T] -> [B, T, D]
  at::Tensor Inner(const at::Tensor& ids, int64_t layers, const at::Tensor& vectors) const;

  // From the states after the first `layers` layers of `all` to those of forward(ids, all).
  at::Tensor Finish(const at::Tensor& inner, int64_t layers, int64_t all) const;

  const at::Tensor& token_table() const { return embeddings_->token_table(); }  // [vocab_size, D]

 private:
  ClipTextEmbeddings embeddings_;
  ClipEncoder encoder_;
  LayerNorm final_layer_norm_;
};
TORCH_MODULE(ClipTextTransformer);

// One vector for each prompt, [B, D]: `states`, [B, T, D], at the end token, found as config.eos_token_id says.
at::Tensor PoolAtEnd(const ClipTextConfig& config, const at::Tensor& ids, const at::Tensor& states);

// Throws c10::Error unless `ids` are int64 [B, T] of at most config.max_positions tokens.
void CheckIds(const ClipTextConfig& config, const at::Tensor& ids);

// The text encoder of Stable Diffusion 1.x and 2.x, and the first one of XL (Radford et al. 2021, arXiv:2103.00020;
// CLIPTextModel of transformers 5.23, whose parameter names it has, under the prefix `text_model.` of the versions
// before).
//
//   ClipTextModel text(ReadClipTextConfig(ConfigReader::FromFile(folder / "config.json")), options);
//   LoadWeights(*text, *RenamedSource::Make(OpenComponent(folder), PrefixedClipKey), {.may_ignore = IsClipConstant});
//   at::Tensor states = text(ids);
//
// There is no attention mask: as in diffusers, padding is seen by the tokens behind it only. Const, so it may run from
// several threads at a time. On the CPU in float32 the states of a prompt are the same bytes whatever its batch.
class ClipTextModelImpl : public torch::nn::Module {
 public:
  // Parameters are allocated with `options` (type, device), not initialised.
  ClipTextModelImpl(const ClipTextConfig& config, const at::TensorOptions& options);

  // ids: int64 [B, T], T up to config().max_positions, each in [0, vocab_size), or beyond for rows of `vectors` (see
  // ClipTextEmbeddings). Returns the last states, normalised, [B, T, D].
  at::Tensor forward(const at::Tensor& ids) const { return Encode(ids, 0); }

  // The same, leaving out the last `clip_skip` layers, in [0, config().layers]: diffusers' `clip_skip`, which
  // normalises those states by the final layer norm, too.
  at::Tensor Encode(const at::Tensor& ids, int64_t clip_skip, const at::Tensor& vectors = {}) const;

  // The states that Stable Diffusion XL looks at: those before the last layer, not normalised; with a clip skip so many
  // layers earlier. REQUIRES: clip_skip in [0, config().layers - 1].
  at::Tensor Penultimate(const at::Tensor& ids, int64_t clip_skip, const at::Tensor& vectors = {}) const;

  const ClipTextConfig& config() const { return config_; }
  const at::Tensor& token_table() const { return text_model_->token_table(); }  // [vocab_size, D]

 private:
  const ClipTextConfig config_;
  ClipTextTransformer text_model_;
};
TORCH_MODULE(ClipTextModel);

}  // namespace latentd::model
