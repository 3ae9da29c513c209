#include "model/pipeline/kl_codec.h"

#include "model/layers/network_bytes.h"

namespace latentd::model {

int64_t KlCodec::memory_bytes() const { return NetworkBytes(*vae_); }

at::Tensor KlCodec::Decode(const at::Tensor& latents) const {
  return vae_->Decode((latents / scaling_factor()).to(options_));
}

EncodedPicture KlCodec::Encode(const at::Tensor& pictures) const {
  const LatentDistribution encoded = vae_->Encode(pictures.to(options_));
  return {.mean = encoded.mean.to(at::kFloat) * scaling_factor(),
          .deviation = encoded.Deviation().to(at::kFloat) * scaling_factor()};
}

}  // namespace latentd::model
