#include "model/layers/embedding.h"

#include <ATen/ops/embedding.h>
#include <ATen/ops/empty.h>

namespace latentd::model {

EmbeddingImpl::EmbeddingImpl(int64_t count, int64_t features, const at::TensorOptions& options)
    : weight(register_parameter("weight", at::empty({count, features}, options), /*requires_grad=*/false)) {}

at::Tensor EmbeddingImpl::forward(const at::Tensor& indices) const { return at::embedding(weight, indices); }

}  // namespace latentd::model
