#pragma once

#include <utility>

#include "model/pipeline/codec.h"
#include "model/vae/vq_model.h"

namespace latentd::model {

// VQModel as a codec.
class VqCodec final : public Codec {
 public:
  VqCodec(VQModel vae, const at::TensorOptions& options) : vae_(std::move(vae)), options_(options) {}

  int64_t channels() const override { return vae_->config().code_features; }
  int64_t scale() const override { return vae_->config().Scale(); }
  double scaling_factor() const override { return vae_->config().scaling_factor; }
  int64_t memory_bytes() const override;
  at::Tensor Decode(const at::Tensor& latents) const override;
  EncodedPicture Encode(const at::Tensor& pictures) const override;

 private:
  const VQModel vae_;
  const at::TensorOptions options_;
};

}  // namespace latentd::model
