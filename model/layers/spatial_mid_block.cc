#include "model/layers/spatial_mid_block.h"

namespace latentd::model {

SpatialMidBlockImpl::SpatialMidBlockImpl(const ResnetBlockImpl::Shape& resnet,
                                         const std::optional<SpatialAttentionImpl::Shape>& attention,
                                         const at::TensorOptions& options)
    : resnets_(register_module("resnets", std::make_shared<ModuleVector<ResnetBlock>>())),
      attentions_(register_module("attentions", std::make_shared<ModuleVector<SpatialAttention>>())) {
  for (int i = 0; i < 2; ++i) resnets_->Append(ResnetBlock(resnet, options));
  if (attention) attentions_->Append(SpatialAttention(*attention, options));
}

at::Tensor SpatialMidBlockImpl::forward(const at::Tensor& x, const at::Tensor& time) const {
  at::Tensor h = (*resnets_)[0]->forward(x, time);  // [B, C, H, W] throughout
  for (const SpatialAttention& attention : *attentions_) h = attention->forward(h);
  return (*resnets_)[1]->forward(h, time);
}

}  // namespace latentd::model
