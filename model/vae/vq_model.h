#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include "model/layers/linear.h"
#include "model/vae/coder.h"
#include "model/vae/vector_quantizer.h"
#include "model/vae/vq_model_config.h"

namespace latentd::model {

// The autoencoder whose decoder takes vectors of a codebook (Esser et al. 2021, arXiv:2012.09841; diffusers' VQModel,
// whose parameter names it has).
//
// Neither side multiplies by config().scaling_factor: a pipeline decodes latents / scaling_factor. Images are in [-1,
// 1]. It may run from one thread at a time. On the CPU in float32 an image's bytes depend on nothing but its own input.
class VQModelImpl : public torch::nn::Module {
 public:
  // Parameters are allocated with `options` (dtype, device), not initialised.
  VQModelImpl(const VQModelConfig& config, const at::TensorOptions& options);

  // images: [B, in, H, W] -> [B, code_features, H / Scale(), W / Scale()], not quantised
  at::Tensor Encode(const at::Tensor& images) const;

  // latents: [B, code_features, h, w] -> [B, out, h * Scale(), w * Scale()]. Decode takes the nearest code for every
  // pixel first; DecodeUnquantized takes the latents as they are (the reference's force_not_quantize).
  at::Tensor Decode(const at::Tensor& latents) const;
  at::Tensor DecodeUnquantized(const at::Tensor& latents) const;

  // codes: integers [B, h, w], each in [0, codes) -> [B, out, h * Scale(), w * Scale()] (the reference's
  // force_not_quantize with lookup_from_codebook). Throws c10::Error when a code is not in the codebook.
  at::Tensor DecodeCodes(const at::Tensor& codes) const;

  const VQModelConfig& config() const { return config_; }

 private:
  at::Tensor Pixels(const at::Tensor& vectors) const;  // [B, code_features, h, w] -> [B, out, H, W]
  at::Tensor ToNetwork(const at::Tensor& x) const;     // the network's type, device and memory order

  const VQModelConfig config_;
  Encoder encoder_;
  Linear quant_conv_;  // 1x1 convolutions
  VectorQuantizer quantize_;
  Linear post_quant_conv_;
  Decoder decoder_;
};
TORCH_MODULE(VQModel);

}  // namespace latentd::model
