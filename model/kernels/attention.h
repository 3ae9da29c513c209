#pragma once

#include <ATen/core/Tensor.h>

namespace latentd::model::kernels {

// softmax(q kᵀ / sqrt(d)) v for each head (Vaswani et al. 2017), without a mask.
//
// q: [B, Tq, heads * d]; k, v: [B, Tk, heads * d], each with contiguous last dimension. out: [B, Tq, heads * d],
// written. Scores and their sums are float32 for every type, so that `upcast_attention` needs nothing more. A lane's
// bits do not depend on B.
void Attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, int64_t heads, const at::Tensor& out);

}  // namespace latentd::model::kernels
