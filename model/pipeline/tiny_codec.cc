#include "model/pipeline/tiny_codec.h"

#include "model/layers/network_bytes.h"

namespace latentd::model {

int64_t TinyCodec::memory_bytes() const { return NetworkBytes(*autoencoder_); }

at::Tensor TinyCodec::Decode(const at::Tensor& latents) const {
  return autoencoder_->Decode((latents / scaling_factor()).to(options_));
}

EncodedPicture TinyCodec::Encode(const at::Tensor& pictures) const {
  return {.mean = autoencoder_->Encode(pictures.to(options_)).to(at::kFloat) * scaling_factor(), .deviation = {}};
}

}  // namespace latentd::model
