#pragma once

#include "model/pipeline/codec.h"
#include "model/vae/vae.h"

namespace latentd::model {

// AutoencoderKL as a codec.
class KlCodec final : public Codec {
 public:
  KlCodec(AutoencoderKL vae, const at::TensorOptions& options) : vae_(std::move(vae)), options_(options) {}

  int64_t channels() const override { return vae_->config().latent_channels; }
  int64_t scale() const override { return vae_->config().Scale(); }
  double scaling_factor() const override { return vae_->config().scaling_factor; }
  int64_t memory_bytes() const override;
  at::Tensor Decode(const at::Tensor& latents) const override;
  EncodedPicture Encode(const at::Tensor& pictures) const override;

 private:
  const AutoencoderKL vae_;
  const at::TensorOptions options_;
};

}  // namespace latentd::model
