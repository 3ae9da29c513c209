#pragma once

#include <ATen/core/Tensor.h>

namespace latentd::model {

// Pixels as tokens and back. In channels-last memory both are views.

// [L, C, H, W] -> [L, H * W, C]
inline at::Tensor ToTokens(const at::Tensor& x) { return x.permute({0, 2, 3, 1}).flatten(1, 2); }

// [L, H * W, C] -> [L, C, H, W], channels-last
inline at::Tensor FromTokens(const at::Tensor& tokens, int64_t height, int64_t width) {
  return tokens.unflatten(1, {height, width}).permute({0, 3, 1, 2});
}

}  // namespace latentd::model
