#include "model/vae/vq_model.h"

#include <c10/core/InferenceMode.h>

namespace latentd::model {
namespace {

Linear MakePointwise(int64_t in, int64_t out, const at::TensorOptions& options) {
  return Linear(in, out, /*with_bias=*/true, options, WeightLayout::kPointwise);
}

}  // namespace

VQModelImpl::VQModelImpl(const VQModelConfig& config, const at::TensorOptions& options)
    : config_(config),
      encoder_(register_module("encoder", Encoder(config, /*out_channels=*/config.latent_channels, options))),
      quant_conv_(register_module("quant_conv", MakePointwise(config.latent_channels, config.code_features, options))),
      quantize_(register_module("quantize", VectorQuantizer(config.codes, config.code_features, options))),
      post_quant_conv_(
          register_module("post_quant_conv", MakePointwise(config.code_features, config.latent_channels, options))),
      decoder_(register_module("decoder", Decoder(config, options))) {}

at::Tensor VQModelImpl::Encode(const at::Tensor& images) const {
  const c10::InferenceMode no_gradients;
  return quant_conv_->ForwardMap(encoder_->forward(ToNetwork(images)));
}

at::Tensor VQModelImpl::Decode(const at::Tensor& latents) const {
  const c10::InferenceMode no_gradients;
  return Pixels(quantize_->Lookup(quantize_->Nearest(ToNetwork(latents))));
}

at::Tensor VQModelImpl::DecodeUnquantized(const at::Tensor& latents) const {
  const c10::InferenceMode no_gradients;
  return Pixels(ToNetwork(latents));
}

at::Tensor VQModelImpl::DecodeCodes(const at::Tensor& codes) const {
  const c10::InferenceMode no_gradients;
  TORCH_CHECK(codes.dim() == 3 && at::isIntegralType(codes.scalar_type(), /*includeBool=*/false),
              "VQModel: the codes are ", codes.sizes(), " of ", codes.scalar_type(), " instead of integers [B, h, w]");
  if (codes.numel() > 0) {
    TORCH_CHECK(codes.min().item<int64_t>() >= 0 && codes.max().item<int64_t>() < config_.codes,
                "VQModel: a code is not in [0, ", config_.codes, ")");
  }
  return Pixels(quantize_->Lookup(codes.to(quantize_->embedding->weight.device(), at::kLong)));
}

at::Tensor VQModelImpl::Pixels(const at::Tensor& vectors) const {
  return decoder_->forward(post_quant_conv_->ForwardMap(vectors));
}

at::Tensor VQModelImpl::ToNetwork(const at::Tensor& x) const {
  return x.to(quantize_->embedding->weight.options()).contiguous(at::MemoryFormat::ChannelsLast);
}

}  // namespace latentd::model
