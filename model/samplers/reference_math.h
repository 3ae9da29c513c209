#pragma once

namespace latentd::model {

// Float32 functions as LibTorch computes them. Its square root on x86 is MKL's, which is not always the nearest float
// as std::sqrt is; the reference computes its coefficients with it, and a run of many steps adds such differences up.
float Sqrt(float x);
float Log(float x);
float Exp(float x);

}  // namespace latentd::model
