#include "model/layers/conv2d.h"

#include <ATen/ops/conv2d.h>
#include <ATen/ops/empty.h>

namespace latentd::model {

Conv2dImpl::Conv2dImpl(const Shape& shape, const at::TensorOptions& options)
    : weight(register_parameter("weight",
                                at::empty({shape.out_channels, shape.in_channels, shape.kernel, shape.kernel},
                                          options.memory_format(at::MemoryFormat::ChannelsLast)),
                                /*requires_grad=*/false)),
      bias(register_parameter("bias", at::empty({shape.out_channels}, options), /*requires_grad=*/false)),
      shape_(shape) {}

at::Tensor Conv2dImpl::forward(const at::Tensor& x) const {
  return at::conv2d(x, weight, bias, {shape_.stride, shape_.stride}, {shape_.padding, shape_.padding});
}

}  // namespace latentd::model
