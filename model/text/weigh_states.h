#pragma once

#include <ATen/core/Tensor.h>

#include <span>

namespace latentd::model {

// Strengthens and weakens the tokens of one window, as AUTOMATIC1111's web UI does it by default
// (modules/sd_emphasis.py, EmphasisOriginal): each token's state times its weight, then all times one number that gives
// the window its mean back. That number is meaningless where a mean lies within a fiftieth of the states' root mean
// square of zero, or changes its sign (stable-diffusion-webui's pull request 14874 has the artefacts): then the product
// is left as it is.
//
// states: [T, D]; weights: T of them -> [T, D], of the same type and device. Computed in float32. The same bytes with
// any number of threads.
at::Tensor WeighStates(const at::Tensor& states, std::span<const float> weights);

}  // namespace latentd::model
