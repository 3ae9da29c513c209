#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include <memory>

#include "model/layers/group_norm.h"
#include "model/layers/module_vector.h"
#include "model/unet/transformer_block.h"

namespace latentd::model {

// Transformer blocks over the pixels of a map, added to it (diffusers' Transformer2DModel, continuous input).
class Transformer2DImpl : public torch::nn::Module {
 public:
  Transformer2DImpl(const TransformerShape& shape, const at::TensorOptions& options);

  at::Tensor forward(const at::Tensor& x, const Context& context) const;  // [L, C, H, W] -> [L, C, H, W]

 private:
  GroupNorm norm_;
  Linear proj_in_, proj_out_;
  std::shared_ptr<ModuleVector<TransformerBlock>> blocks_;
};
TORCH_MODULE(Transformer2D);

}  // namespace latentd::model
