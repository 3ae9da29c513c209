#include "model/layers/linear.h"

#include <ATen/ops/cat.h>
#include <ATen/ops/empty.h>

#include <algorithm>
#include <vector>

#include "model/kernels/elementwise.h"
#include "model/kernels/low_rank.h"
#include "model/kernels/matmul.h"
#include "model/kernels/row_linear.h"
#include "model/layers/tokens.h"

namespace latentd::model {

LinearImpl::LinearImpl(int64_t in_features, int64_t out_features, bool with_bias, const at::TensorOptions& options,
                       WeightLayout layout) {
  std::vector<int64_t> shape = {out_features, in_features};
  if (layout == WeightLayout::kPointwise) shape.insert(shape.end(), {1, 1});
  weight = register_parameter("weight", at::empty(shape, options), /*requires_grad=*/false);
  if (with_bias) bias = register_parameter("bias", at::empty({out_features}, options), /*requires_grad=*/false);
}

at::Tensor LinearImpl::forward(const at::Tensor& x, const at::Tensor& addend, int64_t first_lane,
                               int64_t lanes_each) const {
  at::Tensor out = kernels::Linear(x, weight, bias, addend);
  AddDeltas(x, first_lane, lanes_each, out);
  return out;
}

at::Tensor LinearImpl::ForwardMap(const at::Tensor& x) const {
  return FromTokens(forward(ToTokens(x)), x.size(2), x.size(3));
}

at::Tensor LinearImpl::ForwardGated(const at::Tensor& x, int64_t first_lane) const {
  if (!has_deltas()) return kernels::GatedLinear(x, weight, bias);
  // A change comes before the gate, which is fused into the product: changed lanes are computed without the fusion, the
  // others as ever.
  const int64_t lanes = x.size(0);
  std::vector<bool> changed(static_cast<size_t>(lanes));
  ForEachDelta(first_lane, lanes, /*lanes_each=*/1, [&](const LaneDelta& /*delta*/, int64_t first, int64_t count) {
    std::fill_n(changed.begin() + first, count, true);
  });
  std::vector<at::Tensor> parts;  // [n, T, out / 2] for each run of lanes of one kind
  for (int64_t first = 0, end = 0; first < lanes; first = end) {
    const auto begin = changed.begin() + first;
    end = std::find(begin, changed.end(), !*begin) - changed.begin();
    const at::Tensor own = x.narrow(0, first, end - first);
    parts.push_back(*begin ? kernels::Geglu(forward(own, /*addend=*/{}, first_lane + first))
                           : kernels::GatedLinear(own, weight, bias));
  }
  return parts.size() == 1 ? parts.front() : at::cat(parts);
}

at::Tensor LinearImpl::ForwardRows(const at::Tensor& x) const {
  at::Tensor out = kernels::RowLinear(x, weight, bias);
  AddDeltas(x, /*first_lane=*/0, /*lanes_each=*/1, out);
  return out;
}

void LinearImpl::AddDeltas(const at::Tensor& x, int64_t first_lane, int64_t lanes_each, const at::Tensor& out) const {
  if (!has_deltas()) return;
  std::vector<kernels::LowRankTerm> terms;
  ForEachDelta(first_lane, x.size(0), lanes_each, [&](const LaneDelta& delta, int64_t first, int64_t count) {
    terms.push_back({.first_lane = first,
                     .lanes = count,
                     .down = &delta.change->down,
                     .up = &delta.change->up,
                     .scale = delta.scale});
  });
  kernels::AddLowRank(x, terms, out);
}

}  // namespace latentd::model
