#pragma once

#include <cstdint>

namespace latentd::model::kernels {

// At least `floats` floats of this thread's working memory, 64-byte aligned, not initialised. It is kept between calls,
// and valid until this thread's next call.
float* Scratch(int64_t floats);

}  // namespace latentd::model::kernels
