#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>

#include <map>
#include <memory>
#include <string>

#include "model/weights/tensor_source.h"

namespace latentd::model {

// What makes an IP-Adapter's tokens of what an image encoder sees. Immutable, may be used from several threads. On the
// CPU in float32 a picture's bytes do not depend on its batch.
class PictureProjection {
 public:
  virtual ~PictureProjection() = default;

  virtual const torch::nn::Module& network() const = 0;

  // Whether it takes the encoder's states before the last layer, [B, N, F], or the picture as one vector, [B, P].
  virtual bool takes_states() const = 0;

  virtual at::Tensor Project(const at::Tensor& seen) const = 0;  // -> [B, T, D]

 protected:
  PictureProjection() = default;
  PictureProjection(const PictureProjection&) = default;
  PictureProjection& operator=(const PictureProjection&) = default;
};

// The kinds of IP-Adapter.
enum class PictureProjectionKind {
  kBase,      // diffusers' ImageProjection
  kFullFace,  // IPAdapterFullImageProjection
  kPlus,      // IPAdapterPlusImageProjection
  kFaceId,    // needs insightface's recognition of faces instead of an image encoder: not served
  kUnknown,
};

// By the names of the tensors of an IP-Adapter's file, "image_proj." and "ip_adapter." before them.
PictureProjectionKind PictureProjectionKindOf(const std::map<std::string, TensorInfo>& tensors);

// What a projection is made for.
struct PictureProjectionFit {
  int64_t embedding_features = 0;  // P
  int64_t state_features = 0;      // F
  int64_t token_features = 0;      // D
};

// Loads the tensors of `source`, whose names are those of the file without "image_proj.". Throws ModelError listing
// what is wrong with them or does not fit. REQUIRES: `kind` is one of the first three.
std::unique_ptr<const PictureProjection> LoadPictureProjection(PictureProjectionKind kind, const TensorSource& source,
                                                               const PictureProjectionFit& fit,
                                                               const at::TensorOptions& options);

}  // namespace latentd::model
