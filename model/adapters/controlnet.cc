#include "model/adapters/controlnet.h"

#include "model/layers/network_bytes.h"

namespace latentd::model {

int64_t ControlNet::memory_bytes() const { return NetworkBytes(*network_); }

at::Tensor ControlNet::EncodeHint(const at::Tensor& picture) const {
  // As diffusers' VaeImageProcessor with do_normalize=False.
  const at::Tensor colours = (picture.to(at::kFloat) / 255).permute({2, 0, 1}).unsqueeze(0);  // [1, 3, H, W]
  return network_->EncodeHint(colours)[0];
}

}  // namespace latentd::model
