#include "model/pipeline/vq_codec.h"

#include "model/layers/network_bytes.h"

namespace latentd::model {

int64_t VqCodec::memory_bytes() const { return NetworkBytes(*vae_); }

at::Tensor VqCodec::Decode(const at::Tensor& latents) const {
  return vae_->Decode((latents / scaling_factor()).to(options_));
}

EncodedPicture VqCodec::Encode(const at::Tensor& pictures) const {
  return {.mean = vae_->Encode(pictures.to(options_)).to(at::kFloat) * scaling_factor(), .deviation = {}};
}

}  // namespace latentd::model
