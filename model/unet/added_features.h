#pragma once

#include <ATen/core/Tensor.h>

#include "model/unet/unet.h"
#include "model/unet/unet_config.h"

namespace latentd::model {

// The pooled text and the sinusoids of all numbers as one vector a lane: what a network with added features (Stable
// Diffusion XL) joins to its time embedding. float32 [L, config.added_features], on the pooled text's device.
// REQUIRES: added.pooled and added.numbers are defined, with config.added_features features in all.
at::Tensor AddedFeatures(const UNetConfig& config, const AddedConditions& added);

}  // namespace latentd::model
