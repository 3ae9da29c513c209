#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <utility>
#include <vector>

#include "model/pipeline/codec.h"
#include "model/pipeline/previewer.h"

namespace latentd::model {

// A cheap picture of a latent: one linear map from its channels to red, green and blue, a pixel for each place of the
// latent.
//
// The map is fitted when a model is loaded, against the model's own codec: smooth fields of random colours are encoded,
// and their averaged colours are explained by the latents by least squares. So every VAE gets its own map, without
// tables, and a model in pixel space its own picture. Immutable; any thread may call it.
class LatentPreview final : public Previewer {
 public:
  // Encodes a few pictures of 16 × 16 latents: about a hundredth of the time of decoding a picture of 512 × 512 each.
  static LatentPreview Fit(const Codec& codec);

  int64_t memory_bytes() const override { return 0; }
  std::vector<float> linear_map() const override;

  // At the latents' own size.
  at::Tensor Show(const at::Tensor& latents) const override;

 private:
  explicit LatentPreview(at::Tensor map) : map_(std::move(map)) {}

  at::Tensor map_;  // [C + 1, 3] float32 on the CPU, the last row the constant; colours in [-1, 1]
};

}  // namespace latentd::model
