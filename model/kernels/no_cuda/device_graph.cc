#include "model/kernels/device_graph.h"

namespace latentd::model::kernels {

bool DeviceGraph::Supports(const at::Device& /*device*/) { return false; }

std::unique_ptr<DeviceGraphPool> DeviceGraphPool::Make(const at::Device& device) {
  TORCH_CHECK(false, "this build records no work for ", device);
}

}  // namespace latentd::model::kernels
