#include "model/samplers/reference_math.h"

#include <ATen/core/Tensor.h>
#include <ATen/ops/scalar_tensor.h>

namespace latentd::model {
namespace {

at::Tensor Scalar(float x) { return at::scalar_tensor(x, at::kFloat); }

}  // namespace

float Sqrt(float x) { return *Scalar(x).sqrt_().const_data_ptr<float>(); }
float Log(float x) { return *Scalar(x).log_().const_data_ptr<float>(); }
float Exp(float x) { return *Scalar(x).exp_().const_data_ptr<float>(); }

}  // namespace latentd::model
