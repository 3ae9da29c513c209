#include "model/pipeline/pixels.h"

namespace latentd::model {

at::Tensor ToBytes(const at::Tensor& colours) {
  return ((colours / 2 + 0.5).clamp(0, 1).to(at::kFloat) * 255).round().to(at::kByte).to(at::kCPU).contiguous();
}

}  // namespace latentd::model
