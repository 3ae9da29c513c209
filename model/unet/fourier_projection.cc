#include "model/unet/fourier_projection.h"

#include <ATen/ops/empty.h>

#include <cmath>
#include <numbers>

namespace latentd::model {

FourierProjectionImpl::FourierProjectionImpl(int64_t frequencies, const at::TensorOptions& options)
    : weight(register_parameter("weight", at::empty({frequencies}, options), /*requires_grad=*/false)) {}

at::Tensor FourierProjectionImpl::forward(const at::Tensor& levels) const {
  const at::Tensor noise = levels.to(at::kCPU, at::kFloat).contiguous();        // [L]
  const at::Tensor frequencies = weight.to(at::kCPU, at::kFloat).contiguous();  // [frequencies]
  const int64_t count = frequencies.size(0);
  at::Tensor result = at::empty({noise.size(0), 2 * count}, at::kFloat);
  // Element by element, since ATen's vectorised functions round differently at the end of a tensor; the product is
  // rounded step by step in the reference's order.
  for (int64_t lane = 0; lane < noise.size(0); ++lane) {
    const float level = std::log(noise.const_data_ptr<float>()[lane]);
    float* row = result.mutable_data_ptr<float>() + lane * 2 * count;
    for (int64_t i = 0; i < count; ++i) {
      const float angle = level * frequencies.const_data_ptr<float>()[i] * 2 * std::numbers::pi_v<float>;
      row[i] = std::sin(angle);
      row[count + i] = std::cos(angle);
    }
  }
  return result;
}

}  // namespace latentd::model
