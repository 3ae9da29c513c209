#include "model/layers/resample.h"

namespace latentd::model {

DownsampleImpl::DownsampleImpl(int64_t channels, int64_t padding, const at::TensorOptions& options)
    : conv(register_module("conv", Conv2d(Conv2dImpl::Shape{.in_channels = channels,
                                                            .out_channels = channels,
                                                            .stride = 2,
                                                            .padding = padding,
                                                            .pad_bottom_right_only = padding == 0},
                                          options))) {}

at::Tensor DownsampleImpl::forward(const at::Tensor& x) const { return conv->forward(x); }

UpsampleImpl::UpsampleImpl(int64_t channels, const at::TensorOptions& options)
    : conv(register_module("conv",
                           Conv2d(Conv2dImpl::Shape{.in_channels = channels, .out_channels = channels}, options))) {}

at::Tensor UpsampleImpl::forward(const at::Tensor& x, int64_t height, int64_t width) const {
  return conv->ForwardEnlarged(x, height, width);
}

at::Tensor UpsampleImpl::forward(const at::Tensor& x) const { return forward(x, 2 * x.size(2), 2 * x.size(3)); }

}  // namespace latentd::model
