#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

namespace latentd::model {

// A 2-D convolution with a square kernel; the weight is kept channels-last.
class Conv2dImpl : public torch::nn::Module {
 public:
  struct Shape {
    int64_t in_channels;
    int64_t out_channels;
    int64_t kernel = 3;
    int64_t stride = 1;
    int64_t padding = 1;
  };

  Conv2dImpl(const Shape& shape, const at::TensorOptions& options);

  at::Tensor forward(const at::Tensor& x) const;  // [B, in, H, W] -> [B, out, H', W']

  at::Tensor weight;  // [out, in, k, k], channels-last
  at::Tensor bias;    // [out]

 private:
  const Shape shape_;
};
TORCH_MODULE(Conv2d);

}  // namespace latentd::model
