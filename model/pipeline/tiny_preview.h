#pragma once

#include <utility>

#include "model/pipeline/previewer.h"
#include "model/vae/autoencoder_tiny.h"

namespace latentd::model {

// Pictures of latents by a tiny autoencoder's decoder (TAESD), as large as the decoder makes them: what
// AutoencoderTiny.decode(latents / scaling_factor) gives.
class TinyPreview final : public Previewer {
 public:
  // `shared`: whether the codec holds the same weights.
  TinyPreview(AutoencoderTiny autoencoder, const at::TensorOptions& options, bool shared)
      : autoencoder_(std::move(autoencoder)), options_(options), shared_(shared) {}

  int64_t memory_bytes() const override;

  // REQUIRES: as many channels as the autoencoder's latents have.
  at::Tensor Show(const at::Tensor& latents) const override;

 private:
  const AutoencoderTiny autoencoder_;
  const at::TensorOptions options_;
  const bool shared_;
};

}  // namespace latentd::model
