#include "model/layers/conv2d.h"

#include <ATen/ops/empty.h>

namespace latentd::model {

Conv2dImpl::Conv2dImpl(const Shape& shape, const at::TensorOptions& options)
    : weight(register_parameter("weight",
                                at::empty({shape.out_channels, shape.in_channels, shape.kernel, shape.kernel},
                                          options.memory_format(at::MemoryFormat::ChannelsLast)),
                                /*requires_grad=*/false)),
      options_{.stride = shape.stride, .padding = shape.padding, .pad_bottom_right_only = shape.pad_bottom_right_only} {
  if (shape.with_bias) {
    bias = register_parameter("bias", at::empty({shape.out_channels}, options), /*requires_grad=*/false);
  }
}

at::Tensor Conv2dImpl::forward(const at::Tensor& x, const at::Tensor& addend) const {
  return kernels::Conv2d(x, weight, bias, options_, addend);
}

at::Tensor Conv2dImpl::ForwardEnlarged(const at::Tensor& x, int64_t height, int64_t width) const {
  kernels::ConvOptions options = options_;
  options.enlarged_height = height;
  options.enlarged_width = width;
  return kernels::Conv2d(x, weight, bias, options);
}

}  // namespace latentd::model
