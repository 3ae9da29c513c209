#include "model/layers/conv2d.h"

#include <ATen/ops/empty.h>

#include "model/kernels/matmul.h"

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

at::Tensor Conv2dImpl::forward(const at::Tensor& x, const at::Tensor& addend) const { return Run(x, options_, addend); }

at::Tensor Conv2dImpl::ForwardEnlarged(const at::Tensor& x, int64_t height, int64_t width) const {
  kernels::ConvOptions options = options_;
  options.enlarged_height = height;
  options.enlarged_width = width;
  return Run(x, options, /*addend=*/{});
}

at::Tensor Conv2dImpl::Run(const at::Tensor& x, const kernels::ConvOptions& options, const at::Tensor& addend) const {
  at::Tensor out = kernels::Conv2d(x, weight, bias, options, addend);  // [B, out, H', W']
  ForEachDelta(
      /*first_lane=*/0, x.size(0), /*lanes_each=*/1, [&](const LaneDelta& delta, int64_t first, int64_t count) {
        const auto as_pixels = [](const at::Tensor& map) { return map.permute({0, 2, 3, 1}); };
        const at::Tensor thin =
            kernels::Conv2d(x.narrow(0, first, count), delta.change->down, /*bias=*/{}, options);  // [n, rank, H', W']
        kernels::AddLinear(as_pixels(thin), delta.change->up, delta.scale, as_pixels(out.narrow(0, first, count)));
      });
  return out;
}

}  // namespace latentd::model
