#include "model/layers/resnet_block.h"

#include "model/kernels/row_linear.h"
#include "model/layers/tokens.h"

namespace latentd::model {

ResnetBlockImpl::ResnetBlockImpl(const Shape& shape, const at::TensorOptions& options)
    : norm1(register_module("norm1", GroupNorm(shape.norm_groups, shape.in_channels, shape.norm_eps, options))),
      norm2(register_module("norm2", GroupNorm(shape.norm_groups, shape.out_channels, shape.norm_eps, options))),
      conv1(register_module(
          "conv1",
          Conv2d(Conv2dImpl::Shape{.in_channels = shape.in_channels, .out_channels = shape.out_channels}, options))),
      conv2(register_module(
          "conv2",
          Conv2d(Conv2dImpl::Shape{.in_channels = shape.out_channels, .out_channels = shape.out_channels}, options))),
      activation_(shape.activation),
      output_scale_(shape.output_scale) {
  if (shape.time_features > 0) {
    time_emb_proj =
        register_module("time_emb_proj", Linear(shape.time_features, shape.out_channels, /*with_bias=*/true, options));
  }
  if (shape.in_channels != shape.out_channels) {
    conv_shortcut = register_module("conv_shortcut", Linear(shape.in_channels, shape.out_channels, /*with_bias=*/true,
                                                            options, WeightLayout::kPointwise));
  }
}

at::Tensor ResnetBlockImpl::forward(const at::Tensor& x, const at::Tensor& time) const {
  at::Tensor shift;  // [B, out]
  if (time_emb_proj) shift = kernels::RowLinear(time, time_emb_proj->weight, time_emb_proj->bias);

  at::Tensor h = conv1->forward(norm1->forward(x, activation_));  // [B, out, H, W]
  h = norm2->forward(h, activation_, shift);                      // [B, out, H, W]
  const at::Tensor base =                                         // [B, out, H, W]
      conv_shortcut ? FromTokens(conv_shortcut->forward(ToTokens(x)), x.size(2), x.size(3)) : x;
  h = conv2->forward(h, base);  // [B, out, H, W]
  return output_scale_ == 1.0 ? h : h.div_(output_scale_);
}

}  // namespace latentd::model
