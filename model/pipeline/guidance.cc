#include "model/pipeline/guidance.h"

#include <ATen/ops/std.h>

namespace latentd::model {

at::Tensor Guide(const at::Tensor& cond, const at::Tensor& uncond, double scale, double rescale) {
  const at::Tensor c = cond.to(at::kFloat);
  const at::Tensor u = uncond.to(at::kFloat);
  at::Tensor guided = u + scale * (c - u);
  if (rescale == 0) return guided;
  const at::Tensor rescaled = guided * (c.std() / guided.std());
  return rescale * rescaled + (1 - rescale) * guided;
}

}  // namespace latentd::model
