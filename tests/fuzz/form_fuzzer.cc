#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tests/fuzz/fuzz_targets.h"

// libFuzzer's entry point.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  latentd::openai::FuzzForm(std::string_view(reinterpret_cast<const char*>(data), size));
  return 0;
}
