#include <ATen/cuda/CUDAGraph.h>
#include <c10/cuda/CUDAFunctions.h>
#include <c10/cuda/CUDAGuard.h>
#include <c10/cuda/CUDAStream.h>

#include "model/kernels/device_graph.h"

namespace latentd::model::kernels {
namespace {

class CudaGraph final : public DeviceGraph {
 public:
  void Replay() override { graph.replay(); }

  at::cuda::CUDAGraph graph;
};

class CudaGraphPool final : public DeviceGraphPool {
 public:
  explicit CudaGraphPool(const at::Device& device)
      : memory_(at::cuda::graph_pool_handle()),
        stream_(c10::cuda::getStreamFromPool(/*isHighPriority=*/false, device.index())) {}

  std::unique_ptr<DeviceGraph> Record(const std::function<void()>& work) override {
    c10::cuda::getCurrentCUDAStream(stream_.device_index()).synchronize();  // what `work` reads is there
    const c10::cuda::CUDAStreamGuard guard(stream_);
    work();  // libraries choose their algorithms and take their workspaces, which cannot be recorded
    stream_.synchronize();
    auto recorded = std::make_unique<CudaGraph>();
    // Other threads may go on to allocate while this one records.
    recorded->graph.capture_begin(memory_, cudaStreamCaptureModeThreadLocal);
    try {
      work();
    } catch (...) {
      EndBroken(recorded->graph);
      throw;
    }
    recorded->graph.capture_end();
    return recorded;
  }

 private:
  // Else the stream would stay in its recording. It complains of what broke it.
  static void EndBroken(at::cuda::CUDAGraph& graph) {
    try {
      graph.capture_end();
    } catch (const c10::Error&) {
    }
  }

  const c10::cuda::MempoolId_t memory_;
  const c10::cuda::CUDAStream stream_;
};

}  // namespace

bool DeviceGraph::Supports(const at::Device& device) { return device.is_cuda(); }

std::unique_ptr<DeviceGraphPool> DeviceGraphPool::Make(const at::Device& device) {
  return std::make_unique<CudaGraphPool>(device);
}

}  // namespace latentd::model::kernels
