#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <span>
#include <utility>
#include <vector>

#include "model/adapters/adapter.h"
#include "model/adapters/picture_projection.h"
#include "model/vision/clip_vision_model.h"

namespace latentd::model {

// What pictures are for an IP-Adapter: tokens that lanes look at. T is the tokens of all its pictures.
struct PictureTokens {
  at::Tensor positive;  // [T, D]
  at::Tensor negative;  // [T, D]: for the side that guidance leads away from, as if the pictures said nothing
};

// An IP-Adapter (Ye et al. 2023, arXiv:2308.06721): an image encoder, what makes tokens of its result, and keys and
// values of its own for every cross-attention of a U-Net.
class ImagePrompt : public Adapter {
 public:
  // Of one cross-attention, in the order of CrossAttentions.
  struct Layer {
    at::Tensor to_k, to_v;  // [inner, D]
  };

  // `encoder` and `projection` fit each other.
  ImagePrompt(ClipVisionModelWithProjection encoder, std::unique_ptr<const PictureProjection> projection,
              std::vector<Layer> layers)
      : encoder_(std::move(encoder)), projection_(std::move(projection)), layers_(std::move(layers)) {}

  int64_t memory_bytes() const override;

  // pictures: uint8 [S, S, 3] each, S being the encoder's image_size. In diffusers 0.42.1: encode_image of the
  // pipelines, and the U-Net's encoder_hid_proj. On the CPU in float32 a picture's tokens do not depend on the others.
  // REQUIRES: at least one.
  PictureTokens Encode(std::span<const at::Tensor> pictures) const;

  const std::vector<Layer>& layers() const { return layers_; }

 private:
  const ClipVisionModelWithProjection encoder_;
  const std::unique_ptr<const PictureProjection> projection_;
  const std::vector<Layer> layers_;
};

// One of a row's image prompts.
struct AppliedImagePrompt {
  std::shared_ptr<const ImagePrompt> adapter;  // not null; loaded by the model that computes the row
  double scale = 1;                            // of what it adds; negative turns it around
  PictureTokens tokens;                        // that the adapter made
};

}  // namespace latentd::model
