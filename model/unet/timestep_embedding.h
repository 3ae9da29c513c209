#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include "model/layers/linear.h"
#include "model/unet/unet_config.h"

namespace latentd::model {

// Sines and cosines of a timestep at frequencies that fall geometrically from 1 to 1/10000 (Ho et al. 2020,
// arXiv:2006.11239; diffusers' get_timestep_embedding).
//
// timesteps: float32 [L]; may be fractional -> float32 [L, features] on the CPU
at::Tensor SinusoidalEmbedding(const at::Tensor& timesteps, int64_t features, bool flip_sin_to_cos, double freq_shift);

// The timestep as the residual blocks see it: sinusoids through two linear layers.
class TimestepEmbeddingImpl : public torch::nn::Module {
 public:
  TimestepEmbeddingImpl(const UNetConfig& config, const at::TensorOptions& options);

  at::Tensor forward(const at::Tensor& timesteps) const;  // float32 [L] -> [L, time_features]

  Linear linear_1, linear_2;

 private:
  const int64_t sinusoids_;
  const bool flip_sin_to_cos_;
  const double freq_shift_;
  const Activation activation_;
};
TORCH_MODULE(TimestepEmbedding);

}  // namespace latentd::model
