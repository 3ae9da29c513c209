#pragma once

#include <ATen/core/Tensor.h>

#include "model/kernels/isa/table.h"

namespace latentd::model::kernels {

// Whether x is of a kind that our kernels take: float32, bfloat16 or float16 on the CPU.
bool IsOurs(const at::Tensor& x);

// The type of a tensor that IsOurs.
Scalar ScalarOf(const at::Tensor& x);

// Whether matrix products of x's type are left to LibTorch (oneDNN): reduced types where the processor has matrix units
// for them (AMX), or is AMD's, whose VDPBF16PS does twice the work of a float32 multiply-add. On Intel's cores without
// AMX that instruction has half the rate, so that float32 sums are both exact and faster (measured: oneDNN 85, float32
// 140 GFLOP/s a core on Sapphire Rapids' successor).
bool LeaveProductToLibTorch(const at::Tensor& x);

}  // namespace latentd::model::kernels
