#pragma once

#include <utility>

#include "model/pipeline/codec.h"
#include "model/vae/autoencoder_tiny.h"

namespace latentd::model {

// AutoencoderTiny as a codec.
class TinyCodec final : public Codec {
 public:
  // REQUIRES: its encoder and its decoder have the same scale.
  TinyCodec(AutoencoderTiny autoencoder, const at::TensorOptions& options)
      : autoencoder_(std::move(autoencoder)), options_(options) {}

  int64_t channels() const override { return autoencoder_->config().latent_channels; }
  int64_t scale() const override { return autoencoder_->config().DecoderScale(); }
  double scaling_factor() const override { return autoencoder_->config().scaling_factor; }
  int64_t memory_bytes() const override;
  at::Tensor Decode(const at::Tensor& latents) const override;
  EncodedPicture Encode(const at::Tensor& pictures) const override;

 private:
  const AutoencoderTiny autoencoder_;
  const at::TensorOptions options_;
};

}  // namespace latentd::model
