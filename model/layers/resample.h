#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include "model/layers/conv2d.h"

namespace latentd::model {

// Halves the size with a strided convolution (diffusers' Downsample2D).
class DownsampleImpl : public torch::nn::Module {
 public:
  // padding 0 pads one row below and one column on the right instead, as the autoencoder does.
  DownsampleImpl(int64_t channels, int64_t padding, const at::TensorOptions& options);

  at::Tensor forward(const at::Tensor& x) const;  // [B, C, H, W] -> [B, C, H', W'], H' = ceil(H / 2) with padding 1

  Conv2d conv;
};
TORCH_MODULE(Downsample);

// Enlarges by the nearest pixel, then a convolution (diffusers' Upsample2D).
class UpsampleImpl : public torch::nn::Module {
 public:
  UpsampleImpl(int64_t channels, const at::TensorOptions& options);

  at::Tensor forward(const at::Tensor& x, int64_t height,
                     int64_t width) const;        // [B, C, H, W] -> [B, C, height, width]
  at::Tensor forward(const at::Tensor& x) const;  // [B, C, H, W] -> [B, C, 2H, 2W]

  Conv2d conv;
};
TORCH_MODULE(Upsample);

}  // namespace latentd::model
