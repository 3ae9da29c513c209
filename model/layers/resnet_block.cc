#include "model/layers/resnet_block.h"

#include <ATen/ops/avg_pool2d.h>
#include <ATen/ops/upsample_nearest2d.h>

#include "model/kernels/elementwise.h"

namespace latentd::model {
namespace {

at::Tensor Halved(const at::Tensor& x) { return at::avg_pool2d(x, /*kernel_size=*/{2, 2}); }

}  // namespace

ResnetBlockImpl::ResnetBlockImpl(const Shape& shape, const at::TensorOptions& options)
    : norm1(register_module("norm1", GroupNorm(shape.norm_groups, shape.in_channels, shape.norm_eps, options))),
      norm2(register_module("norm2", GroupNorm(shape.norm_groups, shape.out_channels, shape.norm_eps, options))),
      conv1(register_module(
          "conv1",
          Conv2d(Conv2dImpl::Shape{.in_channels = shape.in_channels, .out_channels = shape.out_channels}, options))),
      conv2(register_module(
          "conv2",
          Conv2d(Conv2dImpl::Shape{.in_channels = shape.out_channels, .out_channels = shape.out_channels}, options))),
      scale_shift_(shape.scale_shift),
      activation_(shape.activation),
      output_scale_(shape.output_scale),
      resample_(shape.resample) {
  if (shape.time_features > 0) {
    const int64_t features = shape.scale_shift ? 2 * shape.out_channels : shape.out_channels;
    time_emb_proj =
        register_module("time_emb_proj", Linear(shape.time_features, features, /*with_bias=*/true, options));
  }
  if (shape.in_channels != shape.out_channels) {
    conv_shortcut = register_module("conv_shortcut", Linear(shape.in_channels, shape.out_channels, /*with_bias=*/true,
                                                            options, WeightLayout::kPointwise));
  }
}

at::Tensor ResnetBlockImpl::FirstHalf(const at::Tensor& x) const {
  const at::Tensor h = norm1->forward(x, activation_);  // [B, in, H, W]
  if (resample_ == Resample::kHalve) return conv1->forward(Halved(h));
  if (resample_ == Resample::kDouble) return conv1->ForwardEnlarged(h, 2 * x.size(2), 2 * x.size(3));
  return conv1->forward(h);
}

at::Tensor ResnetBlockImpl::Normalised(const at::Tensor& h, const at::Tensor& time) const {
  if (!time_emb_proj) return norm2->forward(h, activation_);
  const at::Tensor terms = time_emb_proj->ForwardRows(time);  // [B, out or 2 * out]
  if (!scale_shift_) return norm2->forward(h, activation_, terms);
  const auto parts = terms.unsqueeze(-1).unsqueeze(-1).chunk(2, /*dim=*/1);  // scale and shift, [B, out, 1, 1]
  // Rounded after each operation, as the reference does it.
  at::Tensor scaled = norm2->forward(h).mul_(1 + parts[0]).add_(parts[1]);  // [B, out, H', W']
  return kernels::Activate(scaled, activation_);
}

at::Tensor ResnetBlockImpl::Shortcut(const at::Tensor& x) const {
  at::Tensor base = x;
  if (resample_ == Resample::kHalve) base = Halved(x);
  if (resample_ == Resample::kDouble) base = at::upsample_nearest2d(x, {2 * x.size(2), 2 * x.size(3)});
  return conv_shortcut ? conv_shortcut->ForwardMap(base) : base;
}

at::Tensor ResnetBlockImpl::forward(const at::Tensor& x, const at::Tensor& time) const {
  at::Tensor h = Normalised(FirstHalf(x), time);  // [B, out, H', W']
  h = conv2->forward(h, Shortcut(x));             // [B, out, H', W']
  return output_scale_ == 1.0 ? h : h.div_(output_scale_);
}

}  // namespace latentd::model
