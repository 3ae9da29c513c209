#include "model/kernels/scratch.h"

#include <cstdlib>
#include <memory>
#include <new>

namespace latentd::model::kernels {
namespace {

struct FreeDeleter {
  void operator()(float* p) const { std::free(p); }
};

}  // namespace

float* Scratch(int64_t floats) {
  thread_local std::unique_ptr<float, FreeDeleter> memory;
  thread_local int64_t capacity = 0;
  if (capacity < floats) {
    constexpr size_t kAlignment = 64;
    const size_t bytes = (static_cast<size_t>(floats) * sizeof(float) + kAlignment - 1) / kAlignment * kAlignment;
    memory.reset();  // before the larger one is taken
    capacity = 0;
    memory.reset(static_cast<float*>(std::aligned_alloc(kAlignment, bytes)));
    if (memory == nullptr) throw std::bad_alloc();
    capacity = floats;
  }
  return memory.get();
}

}  // namespace latentd::model::kernels
