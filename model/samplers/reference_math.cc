#include "model/samplers/reference_math.h"

#include <ATen/ops/scalar_tensor.h>
#include <ATen/ops/tensor.h>

#include <array>
#include <cmath>
#include <numbers>

namespace latentd::model {
namespace {

at::Tensor Scalar(float x) { return at::scalar_tensor(x, at::kFloat); }

}  // namespace

float Sqrt(float x) { return *Scalar(x).sqrt_().const_data_ptr<float>(); }
float Log(float x) { return *Scalar(x).log_().const_data_ptr<float>(); }
float Exp(float x) { return *Scalar(x).exp_().const_data_ptr<float>(); }
float Expm1(float x) { return *Scalar(x).expm1_().const_data_ptr<float>(); }

// A quotient of polynomials on [1/sqrt(2), sqrt(2)], and log(2) for every power of two: numpy's
// loops_exponent_log.dispatch.c.src, whose coefficients these are.
float NumpyLog(float x) {
  if (!std::isnormal(x) || x < 0) return std::log(x);
  constexpr std::array kNumerator = {2.589979117907922693523e-02F, 3.808837741388407920751e-01F,
                                     1.480000633576506585156e+00F, 2.112677543073053063722e+00F,
                                     9.999999999999998702752e-01F, 0.0F};
  constexpr std::array kDenominator = {5.875095403124574342950e-03F, 1.546476374983906719538e-01F,
                                       9.864942958519418960339e-01F, 2.453006071784736363091e+00F,
                                       2.612677543073109236779e+00F, 1.0F};
  int exponent = 0;
  float mantissa = 2 * std::frexp(x, &exponent);
  --exponent;
  if (mantissa > std::numbers::sqrt2_v<float>) {
    mantissa /= 2;
    ++exponent;
  }
  const float t = mantissa - 1;
  float numerator = kNumerator[0];
  float denominator = kDenominator[0];
  for (size_t i = 1; i < kNumerator.size(); ++i) {
    numerator = std::fma(numerator, t, kNumerator[i]);
    denominator = std::fma(denominator, t, kDenominator[i]);
  }
  return std::fma(static_cast<float>(exponent), std::numbers::ln2_v<float>, numerator / denominator);
}

at::Tensor TableTensor(const std::vector<float>& values) { return at::tensor(values, at::kFloat); }

std::vector<float> TableValues(const at::Tensor& table) {
  const at::Tensor values = table.contiguous();
  return {values.const_data_ptr<float>(), values.const_data_ptr<float>() + values.numel()};
}

}  // namespace latentd::model
