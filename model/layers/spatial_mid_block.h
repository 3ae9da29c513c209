#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <memory>
#include <optional>

#include "model/layers/module_vector.h"
#include "model/layers/resnet_block.h"
#include "model/layers/spatial_attention.h"

namespace latentd::model {

// Residual block, attention among pixels unless there is none, residual block at the coarsest level (diffusers'
// UNetMidBlock2D).
class SpatialMidBlockImpl : public torch::nn::Module {
 public:
  SpatialMidBlockImpl(const ResnetBlockImpl::Shape& resnet, const std::optional<SpatialAttentionImpl::Shape>& attention,
                      const at::TensorOptions& options);

  // x: [B, C, H, W]; time: as ResnetBlock takes it, or undefined -> [B, C, H, W]
  at::Tensor forward(const at::Tensor& x, const at::Tensor& time = {}) const;

 private:
  std::shared_ptr<ModuleVector<ResnetBlock>> resnets_;
  std::shared_ptr<ModuleVector<SpatialAttention>> attentions_;
};
TORCH_MODULE(SpatialMidBlock);

}  // namespace latentd::model
