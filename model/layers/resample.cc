#include "model/layers/resample.h"

#include <ATen/ops/constant_pad_nd.h>
#include <ATen/ops/upsample_nearest2d.h>

namespace latentd::model {

DownsampleImpl::DownsampleImpl(int64_t channels, int64_t padding, const at::TensorOptions& options)
    : conv(register_module(
          "conv",
          Conv2d(Conv2dImpl::Shape{.in_channels = channels, .out_channels = channels, .stride = 2, .padding = padding},
                 options))),
      pad_bottom_right_(padding == 0) {}

at::Tensor DownsampleImpl::forward(const at::Tensor& x) const {
  if (!pad_bottom_right_) return conv->forward(x);
  return conv->forward(at::constant_pad_nd(x, {0, 1, 0, 1}));  // [B, C, H + 1, W + 1] before the convolution
}

UpsampleImpl::UpsampleImpl(int64_t channels, const at::TensorOptions& options)
    : conv(register_module("conv",
                           Conv2d(Conv2dImpl::Shape{.in_channels = channels, .out_channels = channels}, options))) {}

at::Tensor UpsampleImpl::forward(const at::Tensor& x, int64_t height, int64_t width) const {
  return conv->forward(at::upsample_nearest2d(x, {height, width}));
}

at::Tensor UpsampleImpl::forward(const at::Tensor& x) const { return forward(x, 2 * x.size(2), 2 * x.size(3)); }

}  // namespace latentd::model
