#include "model/unet/guidance_embedding.h"

#include <ATen/ops/zeros.h>

#include <cmath>

namespace latentd::model {
namespace {

constexpr float kMaxPeriod = 10000;
constexpr float kScale = 1000;

}  // namespace

at::Tensor GuidanceEmbedding(const at::Tensor& scales, int64_t features) {
  const at::Tensor values = scales.to(at::kCPU, at::kDouble).contiguous();  // [L]
  const int64_t half = features / 2;
  const float decay = std::log(kMaxPeriod) / static_cast<float>(half - 1);
  at::Tensor result = at::zeros({values.size(0), features}, at::kFloat);  // an odd last feature stays zero
  // Element by element, and in float32, for the reasons of SinusoidalEmbedding.
  for (int64_t lane = 0; lane < values.size(0); ++lane) {
    const float strength = static_cast<float>(values.const_data_ptr<double>()[lane] - 1) * kScale;
    float* row = result.mutable_data_ptr<float>() + lane * features;
    for (int64_t i = 0; i < half; ++i) {
      const float angle = strength * std::exp(static_cast<float>(i) * -decay);
      row[i] = std::sin(angle);
      row[half + i] = std::cos(angle);
    }
  }
  return result;
}

}  // namespace latentd::model
