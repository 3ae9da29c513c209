#pragma once

#include <ATen/core/Tensor.h>

#include <vector>

namespace latentd::model {

// Float32 functions as LibTorch computes them. Its square root on x86 is MKL's, which is not always the nearest float
// as std::sqrt is; the reference computes its coefficients with it, and a run of many steps adds such differences up.
float Sqrt(float x);
float Log(float x);
float Exp(float x);
float Expm1(float x);

// The float32 logarithm as numpy computes it on x86, which is not always the nearest float either. diffusers takes the
// logarithms of its table of levels with it, and cuts the timesteps that it finds there down to whole ones.
float NumpyLog(float x);

// A float32 tensor on the CPU, [n], and back: operations on tables round as the reference's do.
at::Tensor TableTensor(const std::vector<float>& values);
std::vector<float> TableValues(const at::Tensor& table);

}  // namespace latentd::model
