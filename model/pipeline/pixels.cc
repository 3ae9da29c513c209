#include "model/pipeline/pixels.h"

namespace latentd::model {

at::Tensor ToBytes(const at::Tensor& colours) {
  return ((colours / 2 + 0.5).clamp(0, 1).to(at::kFloat) * 255).round().to(at::kByte).to(at::kCPU).contiguous();
}

at::Tensor ToColours(const at::Tensor& bytes) { return (bytes.to(at::kFloat) / 255).permute({2, 0, 1}) * 2 - 1; }

}  // namespace latentd::model
