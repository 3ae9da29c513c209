#include "model/vae/autoencoder_tiny.h"

#include <c10/core/InferenceMode.h>

namespace latentd::model {

AutoencoderTinyImpl::AutoencoderTinyImpl(const AutoencoderTinyConfig& config, const at::TensorOptions& options)
    : config_(config),
      encoder_(register_module("encoder", TinyEncoder(config, options))),
      decoder_(register_module("decoder", TinyDecoder(config, options))) {}

at::Tensor AutoencoderTinyImpl::Encode(const at::Tensor& images) const {
  const c10::InferenceMode no_gradients;
  return encoder_->forward(ToNetwork(images));
}

at::Tensor AutoencoderTinyImpl::Decode(const at::Tensor& latents) const {
  const c10::InferenceMode no_gradients;
  return decoder_->forward(ToNetwork(latents));
}

at::Tensor AutoencoderTinyImpl::ScaleLatents(const at::Tensor& latents) const {
  return (latents / (2 * config_.latent_magnitude) + config_.latent_shift).clamp(0, 1);
}

at::Tensor AutoencoderTinyImpl::UnscaleLatents(const at::Tensor& scaled) const {
  return (scaled - config_.latent_shift) * (2 * config_.latent_magnitude);
}

at::Tensor AutoencoderTinyImpl::ToNetwork(const at::Tensor& x) const {
  return x.to(parameters().front().options()).contiguous(at::MemoryFormat::ChannelsLast);
}

}  // namespace latentd::model
