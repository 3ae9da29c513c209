#pragma once

#include <string>
#include <vector>

#include "model/unet/controlnet_config.h"
#include "model/weights/tensor_source.h"

namespace latentd::model {

// The configuration of a ControlNet without a file of its own: levels, layers, channels and features as its tensors
// have them, under diffusers' names, and all that shapes do not tell as in `unet`, of which it is a copy. Throws
// ModelError naming the tensors that are missing and without which nothing can be told.
ControlNetConfig ControlNetConfigOf(const TensorSource& tensors, const UNetConfig& unet);

// In what a ControlNet differs from the U-Net that it is to steer, so that it cannot, by the fields of its
// configuration; empty when it can.
std::vector<std::string> ControlNetMisfits(const ControlNetConfig& control, const UNetConfig& unet,
                                           int64_t picture_scale);

}  // namespace latentd::model
