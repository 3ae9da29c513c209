#include "server/engine/keep_memory.h"

#include <malloc.h>

namespace latentd::engine {

void KeepFreedMemory() {
  // As large as glibc lets it become by itself, for which it has to see such blocks first; larger ones, such as models'
  // weights, go back to the system.
  mallopt(M_MMAP_THRESHOLD, 32 << 20);
  mallopt(M_TRIM_THRESHOLD, 256 << 20);
}

}  // namespace latentd::engine
