#pragma once

#include <ATen/core/Tensor.h>
#include <torch/nn/module.h>
#include <torch/nn/pimpl.h>

#include "model/layers/conv2d.h"
#include "model/layers/group_norm.h"
#include "model/layers/linear.h"

namespace latentd::model {

// Two convolutions with a shortcut around them, shifted by the time embedding (diffusers' ResnetBlock2D).
class ResnetBlockImpl : public torch::nn::Module {
 public:
  enum class Resample {
    kNone,
    kHalve,   // by the mean of 2x2 pixels; an odd last row or column is dropped
    kDouble,  // by the nearest pixel
  };

  struct Shape {
    int64_t in_channels;
    int64_t out_channels;
    int64_t time_features = 0;  // 0: no time embedding (autoencoder)
    // The time embedding scales and shifts what the second norm gives (time_embedding_norm "scale_shift"), instead of
    // being added to what it is given ("default").
    bool scale_shift = false;
    int64_t norm_groups;
    double norm_eps;
    Activation activation;
    double output_scale = 1.0;            // the sum is divided by it
    Resample resample = Resample::kNone;  // before the first convolution, and in the shortcut
  };

  ResnetBlockImpl(const Shape& shape, const at::TensorOptions& options);

  // x: [B, in, H, W]; time: [B, time_features], already through the activation, or undefined -> [B, out, H', W']
  at::Tensor forward(const at::Tensor& x, const at::Tensor& time = {}) const;

  GroupNorm norm1, norm2;
  Conv2d conv1, conv2;
  Linear time_emb_proj{nullptr};
  Linear conv_shortcut{nullptr};  // a 1x1 convolution

 private:
  at::Tensor FirstHalf(const at::Tensor& x) const;  // [B, in, H, W] -> [B, out, H', W'], up to the first convolution
  at::Tensor Normalised(const at::Tensor& h, const at::Tensor& time) const;  // [B, out, H', W'], through the activation
  at::Tensor Shortcut(const at::Tensor& x) const;                            // [B, in, H, W] -> [B, out, H', W']

  const bool scale_shift_;
  const Activation activation_;
  const double output_scale_;
  const Resample resample_;
};
TORCH_MODULE(ResnetBlock);

}  // namespace latentd::model
