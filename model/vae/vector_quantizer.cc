#include "model/vae/vector_quantizer.h"

#include <ATen/ops/argmin.h>
#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>
#include <ATen/ops/ones.h>

#include <algorithm>

#include "model/kernels/matmul.h"

namespace latentd::model {
namespace {

constexpr int64_t kMaxDistances = 1 << 20;  // held at once: 4 MiB

// x: [N, D] -> [N, 1]. Added column by column: the order is the same for every row, wherever it stands.
at::Tensor SquaredNorms(const at::Tensor& x) {
  const at::Tensor squares = x * x;                  // [N, D]
  at::Tensor sum = squares.narrow(1, 0, 1).clone();  // [N, 1]
  for (int64_t i = 1; i < x.size(1); ++i) sum.add_(squares.narrow(1, i, 1));
  return sum;
}

}  // namespace

VectorQuantizerImpl::VectorQuantizerImpl(int64_t codes, int64_t features, const at::TensorOptions& options)
    : embedding(register_module("embedding", Embedding(codes, features, options))) {}

at::Tensor VectorQuantizerImpl::Nearest(const at::Tensor& x) const {
  // |x - e|² = |x|² + |e|² - 2xe as one product, as at::cdist computes it: where two codes are almost equally near, the
  // same roundings choose the same one.
  const at::Tensor points = x.permute({0, 2, 3, 1}).flatten(0, 2).to(at::kFloat);  // [B * h * w, D]
  const at::Tensor codes = embedding->weight.to(at::kFloat);                       // [codes, D]
  const at::Tensor left =
      at::cat({-2 * points, SquaredNorms(points), at::ones({points.size(0), 1}, points.options())}, /*dim=*/1);
  const at::Tensor right =
      at::cat({codes, at::ones({codes.size(0), 1}, codes.options()), SquaredNorms(codes)}, /*dim=*/1);
  const at::Tensor nearest = at::empty({points.size(0)}, x.options().dtype(at::kLong));  // [B * h * w]
  const int64_t step = std::max<int64_t>(1, kMaxDistances / codes.size(0));
  for (int64_t first = 0; first < points.size(0); first += step) {
    const int64_t count = std::min(step, points.size(0) - first);
    const at::Tensor squared = kernels::Linear(left.narrow(0, first, count), right, {});  // [count, codes]
    nearest.narrow(0, first, count).copy_(at::argmin(squared.clamp_min_(0).sqrt_(), /*dim=*/1));
  }
  return nearest.view({x.size(0), x.size(2), x.size(3)});
}

at::Tensor VectorQuantizerImpl::Lookup(const at::Tensor& codes) const {
  return embedding->forward(codes).permute({0, 3, 1, 2});  // [B, D, h, w]
}

}  // namespace latentd::model
