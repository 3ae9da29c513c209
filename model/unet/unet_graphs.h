#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <map>
#include <memory>
#include <vector>

#include "model/kernels/device_graph.h"
#include "model/unet/unet.h"

namespace latentd::model {

// Forwards of one U-Net, each shape of them recorded when it comes a second time and replayed from then on: one graph
// for each number of lanes and size of latents. Where nothing can be recorded, such as on the CPU, they just run.
//
// Not thread-safe, like the network. Those that were not used for longest are forgotten.
class UNetGraphs {
 public:
  // `unet` outlives it and stays where it is.
  explicit UNetGraphs(const UNet2DConditionModelImpl& unet) : unet_(unet) {}

  // As unet.Run(inputs). REQUIRES: no layer of the network has LoRAs or image prompts for this forward.
  at::Tensor Run(const UNetInputs& inputs);

 private:
  // Of equal shapes.
  struct Forward {
    std::unique_ptr<kernels::DeviceGraph> graph;  // null: it has come once, or cannot be recorded
    bool recordable = true;
    UNetInputs inputs;  // what the graph reads
    at::Tensor output;  // what it writes
    uint64_t last_use = 0;
  };

  void Record(const UNetInputs& inputs, Forward& forward);
  void Forget();

  const UNet2DConditionModelImpl& unet_;
  std::unique_ptr<kernels::DeviceGraphPool> pool_;  // made with the first graph; goes after them
  std::map<std::vector<int64_t>, Forward> forwards_;
  uint64_t uses_ = 0;
};

}  // namespace latentd::model
