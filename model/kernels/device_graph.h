#pragma once

#include <ATen/core/Tensor.h>

#include <functional>
#include <memory>

namespace latentd::model::kernels {

// Work for a device that is recorded once and then started as one launch: a small network spends more time in starting
// its hundreds of kernels than in running them (CUDA graphs; Gray 2019, "Getting Started with CUDA Graphs").
//
// In builds without CUDA nothing can be recorded. Belongs to one thread.
class DeviceGraph {
 public:
  // Whether work for `device` can be recorded.
  static bool Supports(const at::Device& device);

  virtual ~DeviceGraph() = default;

  // Starts the recorded work on the current stream: it reads the tensors that it read when it was recorded, and writes
  // those that it wrote.
  virtual void Replay() = 0;
};

// The memory of several graphs, of which one runs at a time: what one leaves behind another may overwrite.
class DeviceGraphPool {
 public:
  // REQUIRES: DeviceGraph::Supports(device).
  static std::unique_ptr<DeviceGraphPool> Make(const at::Device& device);

  virtual ~DeviceGraphPool() = default;

  // Runs `work` twice, the second time to record it. `work` may neither wait for the device nor copy from the host.
  // What it allocates lives as long as the graph. The graph must not outlive the pool. Throws what `work` throws, and
  // c10::Error when it cannot be recorded.
  virtual std::unique_ptr<DeviceGraph> Record(const std::function<void()>& work) = 0;
};

}  // namespace latentd::model::kernels
