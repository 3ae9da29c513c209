#include "model/adapters/controlnet.h"

namespace latentd::model {

int64_t ControlNet::memory_bytes() const {
  int64_t bytes = 0;
  for (const at::Tensor& parameter : network_->parameters()) bytes += static_cast<int64_t>(parameter.nbytes());
  return bytes;
}

at::Tensor ControlNet::EncodeHint(const at::Tensor& picture) const {
  // As diffusers' VaeImageProcessor with do_normalize=False.
  const at::Tensor colours = (picture.to(at::kFloat) / 255).permute({2, 0, 1}).unsqueeze(0);  // [1, 3, H, W]
  return network_->EncodeHint(colours)[0];
}

}  // namespace latentd::model
