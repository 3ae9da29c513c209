#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include "model/kernels/activation.h"
#include "model/layers/linear.h"

namespace latentd::model {

// Sines and cosines of a timestep at frequencies that fall geometrically from 1 to 1/10000 (Ho et al. 2020,
// arXiv:2006.11239; diffusers' get_timestep_embedding).
//
// timesteps: float32 [L]; may be fractional -> float32 [L, features] on the CPU
at::Tensor SinusoidalEmbedding(const at::Tensor& timesteps, int64_t features, bool flip_sin_to_cos, double freq_shift);

// The timestep as the residual blocks see it: features of the timestep, such as its sinusoids, through two linear
// layers (diffusers' TimestepEmbedding). In some networks a condition, such as the guidance scale's embedding, is
// projected and added to the features first.
class TimestepEmbeddingImpl : public torch::nn::Module {
 public:
  TimestepEmbeddingImpl(int64_t in_features, int64_t time_features, Activation activation,
                        const at::TensorOptions& options, int64_t condition_features = 0);

  // features: float32 [L, in_features], on any device; condition: float32 [L, condition_features], undefined when that
  // is 0 -> [L, time_features] in the layers' type
  at::Tensor forward(const at::Tensor& features, const at::Tensor& condition = {}) const;

  Linear linear_1, linear_2;
  Linear cond_proj{nullptr};  // empty without a condition

 private:
  const Activation activation_;
};
TORCH_MODULE(TimestepEmbedding);

}  // namespace latentd::model
