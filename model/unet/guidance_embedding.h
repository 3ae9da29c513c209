#pragma once

#include <ATen/core/Tensor.h>

#include <cstdint>

namespace latentd::model {

// Guidance scales as networks that were distilled from guided ones see them (Meng et al. 2023, arXiv:2210.03142; Luo et
// al. 2023, arXiv:2310.04378): sines and cosines of 1000 · (scale - 1) at frequencies that fall geometrically from 1 to
// 1/10000, the sines first (get_guidance_scale_embedding of diffusers' pipelines).
//
// scales: float64 [L], as requests have them -> float32 [L, features] on the CPU. REQUIRES: features >= 4.
at::Tensor GuidanceEmbedding(const at::Tensor& scales, int64_t features);

}  // namespace latentd::model
