#pragma once

#include <cstdio>
#include <cstdlib>

namespace latentd::model {

// Ends the process when a promise is broken: that is how a fuzzer is told.
inline void Require(bool condition, const char* promise) {
  if (condition) return;
  std::fprintf(stderr, "broken promise: %s\n", promise);
  std::abort();
}

}  // namespace latentd::model
