#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include "model/kernels/conv2d.h"
#include "model/layers/adaptable.h"

namespace latentd::model {

// A 2-D convolution with a square kernel; the weight is kept channels-last.
class Conv2dImpl : public torch::nn::Module, public Adaptable {
 public:
  struct Shape {
    int64_t in_channels;
    int64_t out_channels;
    int64_t kernel = 3;
    int64_t stride = 1;
    int64_t padding = 1;
    bool pad_bottom_right_only = false;  // one row and column of zeros there, instead of `padding` on every side
    bool with_bias = true;
  };

  Conv2dImpl(const Shape& shape, const at::TensorOptions& options);

  // x: [B, in, H, W]; addend: [B, out, H', W'], added to the result, or undefined -> [B, out, H', W']
  at::Tensor forward(const at::Tensor& x, const at::Tensor& addend = {}) const;

  // The same on x enlarged to [B, in, height, width] by the nearest pixel.
  at::Tensor ForwardEnlarged(const at::Tensor& x, int64_t height, int64_t width) const;

  const at::Tensor& BaseWeight() const override { return weight; }

  at::Tensor weight;  // [out, in, k, k], channels-last
  at::Tensor bias;    // [out], or undefined

 private:
  at::Tensor Run(const at::Tensor& x, const kernels::ConvOptions& options, const at::Tensor& addend) const;

  const kernels::ConvOptions options_;
};
TORCH_MODULE(Conv2d);

}  // namespace latentd::model
