#include "model/kernels/attention.h"

#include <ATen/ops/scaled_dot_product_attention.h>

namespace latentd::model::kernels {

void Attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, int64_t heads, at::Tensor out) {
  const auto split = [heads](const at::Tensor& x) {  // [B, T, heads * d] -> [B, heads, T, d]
    return x.unflatten(-1, {heads, x.size(-1) / heads}).transpose(1, 2);
  };
  const at::Tensor mixed = at::scaled_dot_product_attention(split(q), split(k), split(v));  // [B, heads, Tq, d]
  split(out).copy_(mixed);
}

}  // namespace latentd::model::kernels
