#pragma once

#include <ATen/core/Tensor.h>

namespace latentd::model {

// Classifier-free guidance of one row (Ho & Salimans 2022, arXiv:2207.12598): uncond + scale · (cond - uncond), and the
// rescaling of its standard deviation towards that of `cond` (Lin et al. 2023, arXiv:2305.08891, section 3.4), mixed in
// by `rescale` in [0, 1].
//
// cond, uncond: [C, h, w] of any floating type. Returns float32 [C, h, w].
at::Tensor Guide(const at::Tensor& cond, const at::Tensor& uncond, double scale, double rescale);

}  // namespace latentd::model
