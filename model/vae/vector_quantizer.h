#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include "model/layers/embedding.h"

namespace latentd::model {

// A codebook, and the nearest of its vectors for every pixel (van den Oord et al. 2017, arXiv:1711.00937; diffusers'
// VectorQuantizer).
class VectorQuantizerImpl : public torch::nn::Module {
 public:
  VectorQuantizerImpl(int64_t codes, int64_t features, const at::TensorOptions& options);

  // x: [B, D, h, w] -> int64 [B, h, w]: for each pixel the code of least Euclidean distance, measured in float32
  at::Tensor Nearest(const at::Tensor& x) const;

  // codes: integers [B, h, w], each in [0, codes) -> [B, D, h, w], channels-last
  at::Tensor Lookup(const at::Tensor& codes) const;

  Embedding embedding;
};
TORCH_MODULE(VectorQuantizer);

}  // namespace latentd::model
