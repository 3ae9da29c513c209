#pragma once

#include <ATen/core/Tensor.h>

#include "model/kernels/activation.h"

namespace latentd::model::kernels {

// activation(x), element by element. Unlike ATen's, an element's bits do not depend on its place in the tensor (vector
// body or scalar tail), hence not on the batch.
at::Tensor Activate(const at::Tensor& x, Activation activation);

// x: [..., 2n] -> [..., n]: the first half times gelu (exact, by erf) of the second (Shazeer 2020, arXiv:2002.05202).
at::Tensor Geglu(const at::Tensor& x);

}  // namespace latentd::model::kernels
