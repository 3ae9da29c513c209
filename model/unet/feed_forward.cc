#include "model/unet/feed_forward.h"

#include <memory>

namespace latentd::model {

FeedForwardImpl::FeedForwardImpl(int64_t channels, const at::TensorOptions& options) {
  const auto net = register_module("net", std::make_shared<torch::nn::Module>());
  const auto gate = net->register_module("0", std::make_shared<torch::nn::Module>());
  proj_in = gate->register_module("proj", Linear(channels, 8 * channels, /*with_bias=*/true, options));
  proj_out = net->register_module("2", Linear(4 * channels, channels, /*with_bias=*/true, options));
}

at::Tensor FeedForwardImpl::forward(const at::Tensor& tokens, const at::Tensor& residual, int64_t first_lane) const {
  const at::Tensor gated = proj_in->ForwardGated(tokens, first_lane);  // [L, T, 4C]
  return proj_out->forward(gated, residual, first_lane);               // [L, T, C]
}

}  // namespace latentd::model
