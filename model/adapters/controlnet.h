#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>
#include <memory>
#include <span>

#include "model/adapters/adapter.h"
#include "model/unet/controlnet.h"

namespace latentd::model {

// A ControlNet on the device of the model that it steers. It runs on one thread at a time, which the model's is.
class ControlNet : public Adapter {
 public:
  explicit ControlNet(ControlNetModel network) : network_(std::move(network)) {}

  int64_t memory_bytes() const override;

  // What the network makes of a picture, for every step of its rows. picture: uint8 [H, W, 3] on the CPU
  // -> [C, h, w] on the network's device, in its type
  at::Tensor EncodeHint(const at::Tensor& picture) const;

  const ControlNetModelImpl& network() const { return *network_; }

 private:
  const ControlNetModel network_;
};

// One of a row's ControlNets, as it acts in one step.
struct AppliedControl {
  std::shared_ptr<const ControlNet> net;  // not null; loaded by the model that computes the row
  at::Tensor hint;                        // [C, h, w], the net's EncodeHint
  double scale = 1;                       // of what is added; negative turns it around
};

// The ControlNets of one lane, whose effects are added in this order.
using ControlSet = std::span<const AppliedControl>;

}  // namespace latentd::model
