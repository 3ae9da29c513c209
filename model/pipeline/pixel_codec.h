#pragma once

#include "model/pipeline/codec.h"

namespace latentd::model {

// For models that denoise the picture itself.
class PixelCodec final : public Codec {
 public:
  int64_t channels() const override { return 3; }
  int64_t scale() const override { return 1; }
  double scaling_factor() const override { return 1; }
  int64_t memory_bytes() const override { return 0; }
  at::Tensor Decode(const at::Tensor& latents) const override { return latents; }
  EncodedPicture Encode(const at::Tensor& pictures) const override { return {.mean = pictures, .deviation = {}}; }
};

}  // namespace latentd::model
