#pragma once

#include <ATen/core/Tensor.h>

namespace latentd::model::kernels {

// Matrix products of the networks.
//
// On the CPU they are our own. Two reasons not to leave them to LibTorch. Its float32 product (MKL) chooses its order
// of summation by the number of rows, so that a lane's bits would depend on its neighbours; here every element is
// summed over the input features in order. And it leaves bias, residual and gate to further passes over memory, which
// are fused here. bfloat16 and float16 are multiplied and summed in float32, and are left to LibTorch where the
// processor multiplies bfloat16 faster than float32 (see LeaveProductToLibTorch). Everything else, such as CUDA, is
// LibTorch's.

// x Wᵀ + bias + addend. x: [..., in]; weight: [out, in] or [out, in, 1, 1]; bias: [out] or undefined; addend:
// [..., out] or undefined. Returns [..., out].
at::Tensor Linear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias, const at::Tensor& addend = {});

// value * gelu(gate), value and gate being the halves of x Wᵀ + bias (Shazeer 2020, arXiv:2002.05202).
// x: [..., in]; weight: [2 * out, in]; bias: [2 * out]. Returns [..., out].
at::Tensor GatedLinear(const at::Tensor& x, const at::Tensor& weight, const at::Tensor& bias);

// into += scale · x Wᵀ, in place. x: [..., in]; weight: [out, in]; into: [..., out], contiguous where the product is
// ours.
void AddLinear(const at::Tensor& x, const at::Tensor& weight, double scale, const at::Tensor& into);

}  // namespace latentd::model::kernels
