#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include "model/layers/conv2d.h"
#include "model/layers/group_norm.h"
#include "model/layers/linear.h"

namespace latentd::model {

// Two convolutions with a shortcut around them, shifted by the time embedding (diffusers' ResnetBlock2D with
// time_embedding_norm "default").
class ResnetBlockImpl : public torch::nn::Module {
 public:
  struct Shape {
    int64_t in_channels;
    int64_t out_channels;
    int64_t time_features = 0;  // 0: no time embedding (autoencoder)
    int64_t norm_groups;
    double norm_eps;
    Activation activation;
    double output_scale = 1.0;  // the sum is divided by it
  };

  ResnetBlockImpl(const Shape& shape, const at::TensorOptions& options);

  // x: [B, in, H, W]; time: [B, time_features], already through the activation, or undefined -> [B, out, H, W]
  at::Tensor forward(const at::Tensor& x, const at::Tensor& time = {}) const;

  GroupNorm norm1, norm2;
  Conv2d conv1, conv2;
  Linear time_emb_proj{nullptr};
  Linear conv_shortcut{nullptr};  // a 1x1 convolution

 private:
  const Activation activation_;
  const double output_scale_;
};
TORCH_MODULE(ResnetBlock);

}  // namespace latentd::model
