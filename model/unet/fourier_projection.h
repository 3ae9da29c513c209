#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

namespace latentd::model {

// Sines and cosines of a noise level's logarithm at frequencies that the checkpoint holds (Song et al. 2021,
// arXiv:2011.13456; diffusers' GaussianFourierProjection).
class FourierProjectionImpl : public torch::nn::Module {
 public:
  FourierProjectionImpl(int64_t frequencies, const at::TensorOptions& options);

  // levels: float32 [L], above 0 -> float32 [L, 2 * frequencies] on the CPU, sines first
  at::Tensor forward(const at::Tensor& levels) const;

  at::Tensor weight;  // [frequencies]
};
TORCH_MODULE(FourierProjection);

}  // namespace latentd::model
