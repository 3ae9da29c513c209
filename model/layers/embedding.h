#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

namespace latentd::model {

// A table of vectors, looked up by number.
class EmbeddingImpl : public torch::nn::Module {
 public:
  EmbeddingImpl(int64_t count, int64_t features, const at::TensorOptions& options);

  // indices: int64 of any shape, each in [0, count) -> [..., features]
  at::Tensor forward(const at::Tensor& indices) const;

  at::Tensor weight;  // [count, features]
};
TORCH_MODULE(Embedding);

}  // namespace latentd::model
