#include "model/kernels/attention.h"

#include <ATen/Parallel.h>
#include <ATen/ops/scaled_dot_product_attention.h>

#include <algorithm>
#include <cmath>

#include "model/kernels/dispatch.h"
#include "model/kernels/scratch.h"

namespace latentd::model::kernels {
namespace {

// Queries that one thread takes at least: each task packs the keys and values of its head anew.
constexpr int64_t kMinQueries = 192;

void OurAttention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, int64_t heads, const at::Tensor& out) {
  const int64_t lanes = q.size(0), queries = q.size(1), keys = k.size(1), features = q.size(2) / heads;
  const auto size = static_cast<int64_t>(q.element_size());
  // Few heads: the queries of each are shared out too. The keys' order, and so the result, stays the same.
  const int64_t threads = at::get_num_threads();
  int64_t parts = 1;
  while (lanes * heads * parts % threads != 0 && lanes * heads * parts < 4 * threads &&
         queries / (parts + 1) >= kMinQueries) {
    ++parts;
  }
  const int64_t part = (queries + parts - 1) / parts;
  const auto at = [size](const at::Tensor& x, int64_t lane, int64_t token, int64_t feature) {
    return static_cast<const char*>(x.const_data_ptr()) + (lane * x.stride(0) + token * x.stride(1) + feature) * size;
  };
  auto* const written = static_cast<char*>(out.mutable_data_ptr());
  at::parallel_for(0, lanes * heads * parts, 1, [&](int64_t begin, int64_t end) {
    float* const scratch = Scratch(Kernels().attention_scratch(keys, features));
    for (int64_t i = begin; i < end; ++i) {
      const int64_t lane = i / parts / heads;
      const int64_t feature = i / parts % heads * features;
      const int64_t first = i % parts * part;
      if (first >= queries) continue;
      Kernels().attention({.scalar = ScalarOf(q),
                           .q = at(q, lane, first, feature),
                           .k = at(k, lane, 0, feature),
                           .v = at(v, lane, 0, feature),
                           .out = written + (lane * out.stride(0) + first * out.stride(1) + feature) * size,
                           .queries = std::min(part, queries - first),
                           .keys = keys,
                           .features = features,
                           .q_stride = q.stride(1),
                           .k_stride = k.stride(1),
                           .v_stride = v.stride(1),
                           .out_stride = out.stride(1),
                           .scale = 1 / std::sqrt(static_cast<float>(features)),
                           .scratch = scratch});
    }
  });
}

}  // namespace

void Attention(const at::Tensor& q, const at::Tensor& k, const at::Tensor& v, int64_t heads, const at::Tensor& out) {
  TORCH_CHECK(k.sizes() == v.sizes() && q.sizes() == out.sizes() && q.size(0) == k.size(0) && q.size(2) == k.size(2),
              "attention: queries ", q.sizes(), ", keys ", k.sizes(), ", values ", v.sizes(), ", result ", out.sizes());
  if (IsOurs(q)) return OurAttention(q, k, v, heads, out);
  const auto split = [heads](const at::Tensor& x) {  // [B, T, heads * d] -> [B, heads, T, d]
    return x.unflatten(-1, {heads, x.size(-1) / heads}).transpose(1, 2);
  };
  split(out).copy_(at::scaled_dot_product_attention(split(q), split(k), split(v)));
}

}  // namespace latentd::model::kernels
